/* Frames and messages: byte layout by hand, round trips of every message, every kind of damage refused. */
#include "tests/lib/test.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"
#include "src/wire/message.h"

static struct fg_view text(const char *s)
{
    return fg_view_str(s);
}

/* One filled message of each type; floats and lists live in static storage. */
static struct fg_msg sample(enum fg_msg_type type)
{
    static const float values[3] = {1.5f, -0.0f, 3e-40f};
    static struct fg_msg_task list[2];
    static struct fg_view steps[3];
    static const struct fg_msg_term terms[2] = {{7, 600.0}, {0x1122334455667788u, -0.25}};
    list[0] = (struct fg_msg_task){{7, 3, FG_TASK_TRAIN, 11, 13, 2, 5, 40, 0.1f, 2, 4.5f}, true, {1, 2, 3}};
    list[1] = (struct fg_msg_task){{8, 3, FG_TASK_EVALUATE, 12, 12, 1, 5, 0, 0.f, 0, 0.f}, false, {0}};
    struct fg_msg m = {.type = type};
    switch (type) {
    case FG_MSG_HELLO:
        m.u.hello.version = text("1.2.3");
        m.u.hello.host = text("node");
        m.u.hello.isa = text("avx512");
        m.u.hello.pid = 4711;
        break;
    case FG_MSG_WELCOME:
        m.u.welcome.worker = 3;
        m.u.welcome.params = 1663370;
        m.u.welcome.sums = true;
        m.u.welcome.input[0] = 1;
        m.u.welcome.input[4] = 10;
        m.u.welcome.config = text("[run]\nseed = 1\n");
        break;
    case FG_MSG_READY:
        m.u.ready.cohort = 64;
        m.u.ready.cores = true;
        break;
    case FG_MSG_MODEL:
        m.u.model.version = 9;
        m.u.model.params = 3;
        m.u.model.values = values;
        break;
    case FG_MSG_STEPS:
        steps[0] = text("from 9 to 10");
        steps[1] = text("");
        steps[2] = text("11 to 12");
        m.u.steps.version = 12;
        m.u.steps.from = 9;
        m.u.steps.params = 3;
        m.u.steps.hash = 0x8877665544332211u;
        m.u.steps.codec = 5;
        m.u.steps.list = steps;
        break;
    case FG_MSG_TASKS:
        m.u.tasks.floor = 3;
        m.u.tasks.cohort = 5;
        m.u.tasks.n = 2;
        m.u.tasks.list = list;
        break;
    case FG_MSG_SHARD:
        m.u.shard.bytes = text("bytes of a shard");
        /* fall through */
    case FG_MSG_SHARD_REQ:
        m.u.shard.hash[0] = 0xab;
        m.u.shard.hash[31] = 0xcd;
        break;
    case FG_MSG_RESULT:
        m.u.result.result = (struct fg_result){.id = 7,
                                               .client = 11,
                                               .steps = 40,
                                               .samples = 100,
                                               .correct = 3,
                                               .scored = 99,
                                               .loss = 0.25,
                                               .wire_bytes = 12,
                                               .kept = 0x1020304050607080u,
                                               .reset = 1,
                                               .seen = FG_SEEN_NOT_FINITE};
        m.u.result.codec = 2;
        m.u.result.params = 3;
        m.u.result.delta = text("encoded");
        break;
    case FG_MSG_REFUSED:
        m.u.refused.task = 8;
        m.u.refused.reason = FG_REFUSED_SHARD;
        m.u.refused.text = text("why");
        break;
    case FG_MSG_STATE:
        m.u.state.task = 9;
        m.u.state.bytes = text("a training state");
        break;
    case FG_MSG_ADD:
        m.u.add.sum = 17;
        m.u.add.n = 2;
        m.u.add.list = terms;
        break;
    case FG_MSG_SUM:
        m.u.sum.bytes = text("a sum");
        /* fall through */
    case FG_MSG_SUM_REQ:
        m.u.sum.sum = 0x0102030405060708u;
        break;
    case FG_MSG_STOP:
    case FG_MSG_BYE:
        m.u.end.reason = FG_STOP_INTERRUPTED;
        break;
    case FG_MSG_PING:
    case FG_MSG_PONG:
        m.u.ping.token = 0x1122334455667788u;
        m.u.ping.queued = 4;
        m.u.ping.running = 2;
        break;
    }
    return m;
}

static uint8_t *encoded(enum fg_msg_type type, size_t *len)
{
    struct fg_msg m = sample(type);
    uint8_t *bytes = NULL;
    assert_int_equal(fg_msg_encode(&bytes, len, &m, 0x0102030405060708u, 42), FG_OK);
    return bytes;
}

/* The frame of sample(type) as it was when its version of the format began: tests/fuzz/corpus/frame/. */
static size_t stored(enum fg_msg_type type, uint8_t *bytes /* (cap) */, size_t cap)
{
    char path[4096];
    const char *top = getenv("FG_SRCDIR");
    if (top == NULL) {
        skip();
    }
    (void)snprintf(path, sizeof path, "%s/tests/fuzz/corpus/frame/%02d", top, (int)type);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, cap, file);
    assert_int_equal(fclose(file), 0);
    return len;
}

/* What fuzz_frame begins with are such frames, too. */
static void every_message_has_the_bytes_of_its_version(void **state)
{
    (void)state;
    for (int t = FG_MSG_HELLO; t <= FG_MSG_READY; t++) {
        uint8_t want[1024];
        size_t len = 0, want_len = stored((enum fg_msg_type)t, want, sizeof want);
        uint8_t *bytes = encoded((enum fg_msg_type)t, &len);
        assert_int_equal(len, want_len);
        assert_memory_equal(bytes, want, len);
        fg_free(bytes);
    }
}

/* What was decoded gives the same bytes again, so every field came through. */
static void every_message_survives_the_round_trip(void **state)
{
    (void)state;
    for (int t = FG_MSG_HELLO; t <= FG_MSG_READY; t++) {
        size_t len = 0, again_len = 0;
        uint8_t *bytes = encoded((enum fg_msg_type)t, &len), *again = NULL;
        struct fg_frame f;
        struct fg_msg m;
        float values[3];
        struct fg_view steps[3];
        assert_int_equal(fg_frame_decode(&f, bytes, len), FG_OK);
        assert_int_equal(fg_msg_decode(&m, &f), FG_OK);
        assert_int_equal(m.type, t);
        if (m.type == FG_MSG_MODEL) {
            fg_msg_model_values(values, &m);
            m.u.model.values = values;
        } else if (m.type == FG_MSG_STEPS) {
            struct fg_view rest = m.u.steps.raw;
            for (size_t i = 0; i < 3; i++) {
                steps[i] = fg_msg_step_next(&rest);
            }
            assert_int_equal(rest.len, 0);
            m.u.steps.list = steps;
        }
        assert_int_equal(fg_msg_encode(&again, &again_len, &m, f.run_id, f.seq), FG_OK);
        assert_int_equal(again_len, len);
        assert_memory_equal(again, bytes, len);
        fg_free(again);
        fg_free(bytes);
    }
}

/* The bytes of a PING written out by hand from doc/wire-format.md. */
static void ping_has_the_documented_bytes(void **state)
{
    (void)state;
    uint8_t want[64] = {'F',  'G',  'F',  'R',  3,    0,    10,   0, /* magic, version, type */
                        8,    7,    6,    5,    4,    3,    2,    1,
                        42,   0,    0,    0,    0,    0,    0,    0, /* run id, sequence */
                        16,   0,    0,    0,    0,    0,    0,    0,
                        0,    0,    0,    0,    0,    0,    0,    0, /* payload length, of its beginning */
                        0,    0,    0,    0,    0,    0,    0,    0, /* checksum */
                        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
                        4,    0,    0,    0,    2,    0,    0,    0};
    uint8_t summed[56];
    memcpy(summed, want, 40);
    memcpy(summed + 40, want + 48, 16);
    uint64_t sum = XXH3_64bits(summed, sizeof summed);
    for (int i = 0; i < 8; i++) {
        want[40 + i] = (uint8_t)(sum >> (8 * i));
    }
    size_t len = 0;
    uint8_t *bytes = encoded(FG_MSG_PING, &len);
    assert_int_equal(len, sizeof want);
    assert_memory_equal(bytes, want, sizeof want);
    fg_free(bytes);
}

static void any_flipped_bit_is_refused(void **state)
{
    (void)state;
    for (int t = FG_MSG_HELLO; t <= FG_MSG_READY; t++) {
        size_t len = 0;
        uint8_t *bytes = encoded((enum fg_msg_type)t, &len);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            struct fg_frame f;
            bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_int_not_equal(fg_frame_decode(&f, bytes, len), FG_OK);
            bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        fg_free(bytes);
    }
}

/* A RESULT whose values lie as they are. */
static uint8_t *plain_result(uint32_t codec, size_t values, size_t *len)
{
    static uint8_t delta[40000];
    const struct fg_codec *c = fg_codec_by_id(codec);
    struct fg_msg m = sample(FG_MSG_RESULT);
    uint8_t *bytes = NULL;
    for (size_t i = 0; i < sizeof delta; i++) {
        delta[i] = (uint8_t)(i * 7 % 127);
    }
    m.u.result.codec = codec;
    m.u.result.params = values;
    m.u.result.delta = (struct fg_view){delta, (c == &fg_codec_int8 ? 4 : 0) + c->plain * values};
    assert_int_equal(fg_msg_encode(&bytes, len, &m, 99, 7), FG_OK);
    return bytes;
}

/* Its beginning is judged without the rest, and the rest by the scanner: every bit of either. */
static void the_beginning_of_a_result_is_judged_alone(void **state)
{
    (void)state;
    const uint32_t codec[] = {fg_codec_none.id, fg_codec_int8.id};
    const size_t values[] = {1, 300, 9000};
    for (size_t turn = 0; turn < 6; turn++) {
        size_t len = 0;
        uint8_t *bytes = plain_result(codec[turn % 2], values[turn / 2], &len);
        struct fg_frame f, whole;
        struct fg_msg m;
        struct fg_scanner rest;
        uint64_t checksum;
        struct fg_msg_values v = fg_msg_values(bytes, len);
        bool floats = v.size == sizeof(float);
        assert_int_equal(v.size, fg_codec_by_id(codec[turn % 2])->plain);
        assert_int_equal(v.at + v.size * values[turn / 2], len - FG_FRAME_HEADER_BYTES);
        assert_int_equal(fg_frame_open(&f, &rest, &checksum, bytes, len, v.at, floats), FG_OK);
        assert_int_equal(fg_frame_decode(&whole, bytes, len), FG_OK);
        assert_int_equal(f.seq, 7);
        assert_int_equal(f.run_id, 99);
        assert_ptr_equal(f.payload, whole.payload);
        assert_int_equal(f.payload_len, whole.payload_len);
        assert_int_equal(fg_msg_decode(&m, &f), FG_OK);
        assert_int_equal(m.u.result.params, values[turn / 2]);
        assert_true(fg_scan_all(fg_folders_get("auto"), rest, NULL).hash == checksum);
        for (size_t bit = 0; bit < 8 * len; bit += bit < 8 * (FG_FRAME_HEADER_BYTES + v.at) ? 1 : 61) {
            bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            enum fg_status st = fg_frame_open(&f, &rest, &checksum, bytes, len, v.at, floats);
            bool seen = st != FG_OK || fg_scan_all(fg_folders_get("auto"), rest, NULL).hash != checksum;
            bool later = bit / 8 >= FG_FRAME_HEADER_BYTES + v.at || (bit / 8 >= 40 && bit / 8 < 48);
            assert_true(seen && (st == FG_OK) == later);
            bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        for (size_t cut = 1; cut < 60; cut++) {
            assert_int_not_equal(fg_frame_open(&f, &rest, &checksum, bytes, len - cut, v.at, floats), FG_OK);
        }
        assert_int_not_equal(fg_frame_open(&f, &rest, &checksum, bytes, len, v.at - 1, floats), FG_OK);
        assert_int_not_equal(fg_frame_open(&f, &rest, &checksum, bytes, len, SIZE_MAX, floats), FG_OK);
        fg_free(bytes);
    }
}

/* No other message has a beginning, nor a RESULT that says nonsense of its values. */
static void other_frames_have_to_be_read_whole(void **state)
{
    (void)state;
    for (int t = FG_MSG_HELLO; t <= FG_MSG_READY; t++) {
        size_t len = 0;
        uint8_t *bytes = encoded((enum fg_msg_type)t, &len);
        struct fg_frame f;
        struct fg_scanner rest;
        uint64_t checksum;
        struct fg_msg_values v = fg_msg_values(bytes, len);
        if (t != FG_MSG_RESULT) {
            assert_int_equal(v.size, 0);
            assert_int_equal(v.at, len - FG_FRAME_HEADER_BYTES);
        }
        for (size_t at = 0; v.size == 0 && at <= len - FG_FRAME_HEADER_BYTES; at++) {
            assert_int_equal(fg_frame_open(&f, &rest, &checksum, bytes, len, at, false), FG_E_CORRUPT);
        }
        fg_free(bytes);
    }
    size_t len = 0;
    uint8_t *bytes = plain_result(fg_codec_none.id, 300, &len);
    static const uint64_t odd[] = {0, 301, UINT64_MAX, UINT64_MAX / 4};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 8; k++) {
            bytes[FG_FRAME_HEADER_BYTES + 48 + k] = (uint8_t)(odd[i] >> 8 * k);
        }
        assert_int_equal(fg_msg_values(bytes, len).size, 0);
    }
    fg_free(bytes);
}

static void cut_and_lengthened_frames_are_refused(void **state)
{
    (void)state;
    size_t len = 0;
    uint8_t *bytes = encoded(FG_MSG_TASKS, &len);
    uint8_t *longer = fg_calloc(len + 1, 1);
    memcpy(longer, bytes, len);
    struct fg_frame f;
    for (size_t n = 0; n < len; n++) {
        assert_int_equal(fg_frame_decode(&f, bytes, n), FG_E_CORRUPT);
    }
    assert_int_equal(fg_frame_decode(&f, longer, len + 1), FG_E_CORRUPT);
    fg_free(longer);
    fg_free(bytes);
}

static void other_versions_and_lengths_are_named(void **state)
{
    (void)state;
    size_t len = 0, whole = 0;
    uint8_t *bytes = encoded(FG_MSG_STOP, &len);
    struct fg_frame f;
    assert_int_equal(fg_frame_length(&whole, bytes), FG_OK);
    assert_int_equal(whole, len);
    bytes[4] = FG_FRAME_VERSION - 1;
    assert_int_equal(fg_frame_decode(&f, bytes, len), FG_E_VERSION);
    bytes[4] = FG_FRAME_VERSION;
    memset(bytes + 24, 0xff, 8);
    assert_int_equal(fg_frame_decode(&f, bytes, len), FG_E_RANGE);
    fg_free(bytes);
}

/* A payload cut short under a valid header and checksum: lengths inside a message lie. */
static void payloads_that_lie_are_refused(void **state)
{
    (void)state;
    for (int t = FG_MSG_HELLO; t <= FG_MSG_READY; t++) {
        size_t len = 0;
        uint8_t *bytes = encoded((enum fg_msg_type)t, &len);
        struct fg_frame f;
        assert_int_equal(fg_frame_decode(&f, bytes, len), FG_OK);
        size_t full = f.payload_len;
        for (f.payload_len = 0; f.payload_len < full; f.payload_len++) {
            struct fg_msg m;
            assert_int_equal(fg_msg_decode(&m, &f), FG_E_CORRUPT);
        }
        f.payload_len = full;
        f.type = 99;
        struct fg_msg m;
        assert_int_equal(fg_msg_decode(&m, &f), FG_E_VERSION);
        fg_free(bytes);
    }
}

static void too_large_messages_are_not_encoded(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t len = 0;
    struct fg_msg m = {.type = FG_MSG_MODEL};
    m.u.model.params = FG_FRAME_MAX / 4;
    assert_int_equal(fg_msg_encode(&bytes, &len, &m, 1, 1), FG_E_RANGE);
    m.u.model.params = UINT64_MAX / 2;
    assert_int_equal(fg_msg_encode(&bytes, &len, &m, 1, 1), FG_E_RANGE);
    m = (struct fg_msg){.type = FG_MSG_REFUSED};
    m.u.refused.text.len = FG_MSG_TEXT_MAX + 1;
    assert_int_equal(fg_msg_encode(&bytes, &len, &m, 1, 1), FG_E_RANGE);
    assert_null(bytes);
}

static void link_takes_each_frame_of_its_run_once(void **state)
{
    (void)state;
    struct fg_link l = {.run_id = 5};
    struct fg_frame f = {.run_id = 5, .seq = 1};
    assert_int_equal(fg_link_accept(&l, &f), FG_OK);
    assert_int_equal(fg_link_accept(&l, &f), FG_E_STALE);
    f.seq = 4;
    assert_int_equal(fg_link_accept(&l, &f), FG_OK);
    assert_int_equal(l.skipped, 2);
    f.seq = 3;
    assert_int_equal(fg_link_accept(&l, &f), FG_E_STALE);
    f.seq = 5;
    f.run_id = 6;
    assert_int_equal(fg_link_accept(&l, &f), FG_E_VERSION);
    assert_int_equal(l.seen, 4);
    assert_int_equal(l.refused, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_the_bytes_of_its_version),
        cmocka_unit_test(every_message_survives_the_round_trip),
        cmocka_unit_test(ping_has_the_documented_bytes),
        cmocka_unit_test(any_flipped_bit_is_refused),
        cmocka_unit_test(the_beginning_of_a_result_is_judged_alone),
        cmocka_unit_test(other_frames_have_to_be_read_whole),
        cmocka_unit_test(cut_and_lengthened_frames_are_refused),
        cmocka_unit_test(other_versions_and_lengths_are_named),
        cmocka_unit_test(payloads_that_lie_are_refused),
        cmocka_unit_test(too_large_messages_are_not_encoded),
        cmocka_unit_test(link_takes_each_frame_of_its_run_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
