/* The members of the table in order, for the sources that define one; `name` and the functions are theirs,
 * `conv` begins the names of the convolutions. */
#define FG_KERNEL_TABLE(label, conv)                                                                      \
    {                                                                                                     \
        .name = (label), .dense_forward = dense_forward, .dense_forward_live = dense_forward_live,        \
        .dense_sgd_live = dense_sgd_live, .dense_accumulate = dense_accumulate,                           \
        .dense_accumulate_kept = dense_accumulate_kept, .dense_backward_input = dense_backward_input,     \
        .dense_backward_kept = dense_backward_kept, .dense_backward_weights = dense_backward_weights,     \
        .dense_sgd = dense_sgd, .dense_backward_sgd = dense_backward_sgd, .column_sum = column_sum,       \
        .column_sum_sgd = column_sum_sgd, .conv_forward = conv##_forward,                                 \
        .conv_backward_weights = conv##_backward_weights, .conv_sgd = conv##_sgd, .conv_flip = conv_flip, \
        .image_pad = image_pad, .maxpool_forward = maxpool_forward, .maxpool_backward = maxpool_backward, \
        .relu_forward = relu_forward, .relu_backward = relu_backward, .tanh_forward = tanh_forward,       \
        .tanh_backward = tanh_backward, .sigmoid_forward = sigmoid_forward,                               \
        .sigmoid_backward = sigmoid_backward, .exp = exp_forward, .log = log_forward, .dropout = dropout, \
        .softmax_xent = softmax_xent, .gather = gather, .scatter_add = scatter_add,                       \
        .lstm_forward = lstm_forward, .lstm_backward = lstm_backward, .from_bytes = from_bytes,           \
        .axpy = axpy, .scale = scale, .prox = prox, .sgd_momentum = sgd_momentum, .sgd_decay = sgd_decay, \
        .sum_squares = sum_squares, .pad_rows = pad_rows, .subtract_rows = subtract_rows,                 \
        .step_mean = step_mean,                                                                           \
    }

#define FG_CODER_TABLE(label)                                                                               \
    {                                                                                                       \
        .name = (label), .words = words, .largest = largest, .sums = sums, .round = round_, .scale = scale, \
        .pack4 = pack4, .unpack4 = unpack4, .choose = choose, .to_fp16 = to_fp16, .from_fp16 = from_fp16,   \
        .to_bf16 = to_bf16, .from_bf16 = from_bf16, .flip = flip, .hadamard = hadamard, .signs = signs,     \
        .unsigns = unsigns, .take_signs = take_signs, .add = add, .above = above, .gaps = gaps,             \
    }
