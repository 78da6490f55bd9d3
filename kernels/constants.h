/* Constants of the float exp, log and tanh, shared by the scalar and the wide code. */
#ifndef FG_KERNELS_CONSTANTS_H
#define FG_KERNELS_CONSTANTS_H

#define EXP_MAX 89.0f
#define EXP_MIN (-104.0f)
#define LOG2_E 0x1.715476p+0f
#define ROUND_MAGIC 0x1.8p23f /* adding it rounds |x| < 2^22 to the nearest integer, even on ties */
#define ROUND_MAGIC_BITS 0x4B400000u
#define LN2_HI 0x1.62e43p-1f
#define LN2_LO (-0x1.05c61p-29f)

/* Cephes expf: exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2 */
#define EXP_C0 5.0000001201e-1f
#define EXP_C1 1.6666665459e-1f
#define EXP_C2 4.1665795894e-2f
#define EXP_C3 8.3334519073e-3f
#define EXP_C4 1.3981999507e-3f
#define EXP_C5 1.9875691500e-4f

/* Cephes logf: log(1 + f) = f - f^2 / 2 + f^3 P(f) */
#define SQRT_HALF_BITS 0x3F3504F3u
#define LN2_HI_LOG 0.693359375f
#define LN2_LO_LOG (-2.12194440e-4f)
#define LOG_C0 3.3333331174e-1f
#define LOG_C1 (-2.4999993993e-1f)
#define LOG_C2 2.0000714765e-1f
#define LOG_C3 (-1.6668057665e-1f)
#define LOG_C4 1.4249322787e-1f
#define LOG_C5 (-1.2420140846e-1f)
#define LOG_C6 1.1676998740e-1f
#define LOG_C7 (-1.1514610310e-1f)
#define LOG_C8 7.0376836292e-2f

/* Cephes tanhf: tanh(x) = x + x^3 P(x^2), |x| < 0.625 */
#define TANH_C0 (-3.33332819422e-1f)
#define TANH_C1 1.33314422036e-1f
#define TANH_C2 (-5.37397155531e-2f)
#define TANH_C3 2.06390887954e-2f
#define TANH_C4 (-5.70498872745e-3f)

#endif
