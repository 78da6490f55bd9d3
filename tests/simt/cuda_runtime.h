/* The CUDA runtime that is none: what kernels/ .cu files take of it, for a C++ compiler and without a GPU
 * (simt.h). Names are CUDA's. */
#ifndef FG_TESTS_SIMT_CUDA_RUNTIME_H
#define FG_TESTS_SIMT_CUDA_RUNTIME_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include <tuple>
#include <type_traits>

#define __global__
#define __host__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c)
    {
    }
};

struct __align__(16) float4
{
    float x, y, z, w;
};

/* Where the thread is that runs: thread, block, size of a block, of the grid; three each. It does not change
 * as long as the thread runs. */
unsigned simt_place(unsigned which) __attribute__((const));
template <unsigned WHICH> struct simt_side {
    operator unsigned() const
    {
        return simt_place(WHICH);
    }
};
template <unsigned FIRST> struct simt_sides {
    simt_side<FIRST> x;
    simt_side<FIRST + 1> y;
    simt_side<FIRST + 2> z;
};
inline constexpr simt_sides<0> threadIdx{};
inline constexpr simt_sides<3> blockIdx{};
inline constexpr simt_sides<6> blockDim{};
inline constexpr simt_sides<9> gridDim{};

void __syncthreads(int line = __builtin_LINE());

typedef enum {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorHostMemoryAlreadyRegistered = 712,
    cudaErrorHostMemoryNotRegistered = 713,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorStreamCaptureInvalidated = 901,
    cudaErrorUnknown = 999
} cudaError_t;

typedef struct simt_stream *cudaStream_t;
typedef struct simt_list *cudaGraph_t, *cudaGraphExec_t;
typedef struct simt_event *cudaEvent_t;
typedef enum { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 } cudaMemcpyKind;
typedef enum { cudaStreamCaptureModeThreadLocal = 1 } cudaStreamCaptureMode;
typedef enum { cudaDevAttrMaxSharedMemoryPerBlockOptin = 97 } cudaDeviceAttr;
typedef enum { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 } cudaFuncAttribute;
enum { cudaHostRegisterDefault = 0 };

struct cudaDeviceProp {
    char name[256];
    int major, minor, multiProcessorCount;
};

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
};

const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaGetLastError(void);
cudaError_t cudaDriverGetVersion(int *out);
cudaError_t cudaRuntimeGetVersion(int *out);
cudaError_t cudaGetDeviceCount(int *out);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device);
cudaError_t cudaDeviceGetAttribute(int *out, cudaDeviceAttr what, int device);
cudaError_t cudaMemGetInfo(size_t *left, size_t *all);
cudaError_t cudaFree(void *p);
cudaError_t cudaMemset(void *to, int value, size_t bytes);
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t s);
cudaError_t cudaHostRegister(void *p, size_t bytes, unsigned flags);
cudaError_t cudaHostUnregister(void *p);
cudaError_t cudaStreamCreate(cudaStream_t *out);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *out);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t from, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t g, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t g);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t g);
cudaError_t cudaEventCreate(cudaEvent_t *out);
cudaError_t cudaEventRecord(cudaEvent_t e);
cudaError_t cudaEventSynchronize(cudaEvent_t e);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaEventDestroy(cudaEvent_t e);

cudaError_t simt_malloc(void **out, size_t bytes);
cudaError_t simt_allow_shared(const void *kernel, cudaFuncAttribute what, int bytes);
/* run(kernel, args) is one thread's call. */
cudaError_t simt_launch(const cudaLaunchConfig_t *how, const void *kernel,
                        void (*run)(const void *kernel, const void *args), const void *args, size_t bytes);

template <typename T> static inline cudaError_t cudaMalloc(T **out, size_t bytes)
{
    void *p = NULL;
    cudaError_t e = simt_malloc(&p, bytes);
    if (e == cudaSuccess) {
        *out = (T *)p;
    }
    return e;
}

template <typename T>
static inline cudaError_t cudaFuncSetAttribute(T *kernel, cudaFuncAttribute what, int value)
{
    return simt_allow_shared((const void *)kernel, what, value);
}

template <typename... WANTS> static void simt_call(const void *kernel, const void *args)
{
    std::apply((void (*)(WANTS...))kernel, *(const std::tuple<WANTS...> *)args);
}

template <typename... WANTS, typename... ARGS>
static inline cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *how, void (*kernel)(WANTS...),
                                             ARGS &&...args)
{
    static_assert((std::is_trivially_copyable<WANTS>::value && ...), "parameters are copied byte by byte");
    const std::tuple<WANTS...> all(static_cast<WANTS>(args)...);
    return simt_launch(how, (const void *)kernel, simt_call<WANTS...>, &all, sizeof all);
}

#endif
