#!/usr/bin/env bash
# In the place of tests/simt where they cannot be built.
echo "skip - CUDA kernels on a device that is none (${FG_SIMT#no: })"
exit 77
