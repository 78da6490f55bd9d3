/* The operations of kernels/device.h, thread t of nt: one source for nvcc and for the host's compiler.
 * Included by the two devices only. */
#ifndef FG_KERNELS_DEVICE_OPS_H
#define FG_KERNELS_DEVICE_OPS_H

#include <math.h>

#include "kernels/device_at.h"
#include "kernels/scalar.h"
#include "src/base/philox.h"
#include "src/base/rng.h"

#include "kernels/device_linear.h"

#include "kernels/device_pool.h"

#include "kernels/device_gemm.h"

#include "kernels/device_tile.h"

#include "kernels/device_pointwise.h"

/* Operations whose products depend on the arithmetic; those that go by tiles where they have
 * a launch of their own. */
#define FG_OP_MULTIPLIES(kind)                                                        \
    ((kind) == FG_OP_DENSE || (kind) == FG_OP_DENSE_DX || (kind) == FG_OP_DENSE_DW || \
     FG_OP_CONVOLVES(kind) || (kind) == FG_OP_CONV_DW)
#define FG_OP_BY_TILES(kind) (FG_OP_MULTIPLIES(kind) || (kind) == FG_OP_COLUMN_SUM)

/* kind, mode: op->kind, program->arithmetic; constants where a compiler is to make code for one operation
 * alone. The threads of a warp come together. */
FG_BOTH static inline void fg_op_run(uint32_t kind, uint32_t mode, const struct fg_op *op,
                                     const struct fg_at *at, struct fg_lane *lane, size_t t, size_t nt)
{
    if (mode != FG_EXACT && FG_OP_MULTIPLIES(kind)) {
        op_gemm(kind, mode, op, at, lane->lr, t, nt);
        return;
    }
    switch ((enum fg_op_kind)kind) {
    case FG_OP_LOAD:
        op_load(op, at, lane, t, nt);
        break;
    case FG_OP_DENSE:
        op_dense(op, at, t, nt);
        break;
    case FG_OP_DENSE_DX:
        op_dense_dx(op, at, t, nt);
        break;
    case FG_OP_DENSE_DW:
        op_dense_dw(op, at, lane->lr, t, nt);
        break;
    case FG_OP_COLUMN_SUM:
        op_column_sum(op, at, lane->lr, t, nt);
        break;
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
    case FG_OP_CONV_POOL:
        op_conv(op, at, t, nt);
        break;
    case FG_OP_CONV_FLIP:
        op_conv_flip(op, at, t, nt);
        break;
    case FG_OP_CONV_DW:
        op_conv_dw(op, at, lane->lr, t, nt);
        break;
    case FG_OP_IMAGE_PAD:
        op_image_pad(op, at, t, nt);
        break;
    case FG_OP_POOL:
        op_pool(op, at, lane, t, nt);
        break;
    case FG_OP_POOL_DX:
        op_pool_dx(op, at, t, nt);
        break;
    case FG_OP_PACK:
        op_pack(op, at, t, nt);
        break;
    case FG_OP_UNPACK:
        op_unpack(op, at, t, nt);
        break;
    case FG_OP_DROPOUT:
        op_dropout(op, at, lane, t, nt);
        break;
    case FG_OP_LOSS:
    case FG_OP_SCORE:
        op_loss(op, at, t, nt);
        break;
    case FG_OP_LOSS_SUM:
        op_loss_sum(op, at, lane, t);
        break;
    case FG_OP_SCORE_SUM:
        op_score_sum(op, at, lane, t, nt);
        break;
    case FG_OP_EMBED:
        op_embed(op, at, t, nt);
        break;
    case FG_OP_EMBED_DW:
        op_embed_dw(op, at, lane->lr, t, nt);
        break;
    case FG_OP_LSTM:
        op_lstm(op, at, t, nt);
        break;
    case FG_OP_LSTM_DX:
        op_lstm_dx(op, at, t, nt);
        break;
    case FG_OP_SQUARES:
        op_squares(op, at, t, nt);
        break;
    case FG_OP_ADD_PART:
    case FG_OP_PROX:
    case FG_OP_CLIP:
    case FG_OP_MOMENTUM:
    case FG_OP_DECAY:
    case FG_OP_STEP:
        op_optimise(op, at, lane->lr, t, nt);
        break;
    default:
        op_element(op, at, t, nt);
    }
}

#endif
