#!/usr/bin/env python3
"""Cohorts of clients on a GPU in PyTorch: torch_cohort.py [--tf32] [--clients N] [--samples N] [--seconds S] [--cpu] [MODEL...]

Samples/s of local epochs as bench_device has them: so many clients, each with its own parameters, in batches of 10. Forms:
`vmap`, the step of all clients at once (torch.func), `loop`, one client after the other. A line of JSON as each is done.
Exits 77 without PyTorch or without a GPU (--cpu allows it).
"""
import json
import os
import sys
import time

os.environ["FG_PEER_GPU"] = "1"
try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("torch_cohort: no PyTorch here")
    sys.exit(77)

import common
import torch_train


def batches(model, steps, clients, device):
    """(steps, clients, BATCH, ...)"""
    if model == "char_lstm":
        shape = (steps, clients, common.BATCH, common.LENGTH)
        y = torch.randint(common.CHARS, (*shape[:2], common.BATCH * common.LENGTH), device=device)
        return torch.randint(common.CHARS, shape, device=device), y
    h, w, c = common.IMAGE[model]
    return (torch.rand(steps, clients, common.BATCH, c, h, w, device=device),
            torch.randint(10, (steps, clients, common.BATCH), device=device))


def vmap(net, xs, ys):
    start = {k: v.detach() for k, v in net.named_parameters()}

    def loss(p, x, y):
        return F.cross_entropy(torch.func.functional_call(net, p, (x,)), y)
    gradient = torch.func.vmap(torch.func.grad(loss), randomness="different")

    def work():
        w = {k: v.expand(xs.shape[1], *v.shape) for k, v in start.items()}
        for x, y in zip(xs, ys):
            g = gradient(w, x, y)
            w = {k: w[k] - 0.01 * g[k] for k in w}
        return xs.shape[1]
    return work


def loop(net, xs, ys):
    start = {k: v.clone() for k, v in net.state_dict().items()}
    few = min(8, xs.shape[1])  # clients: the others take as long

    def work():
        for i in range(few):
            net.load_state_dict(start)
            opt = torch.optim.SGD(net.parameters(), lr=0.01)
            for x, y in zip(xs[:, i], ys[:, i]):
                opt.zero_grad()
                F.cross_entropy(net(x), y).backward()
                opt.step()
        return few
    return work


def measure(work, seconds, wait):
    """Clients a second; the first time warms up."""
    work()
    wait()
    begin, n, clients = time.perf_counter(), 0, 0
    while n < 3 or time.perf_counter() - begin < seconds:
        clients += work()
        wait()
        n += 1
    return clients / (time.perf_counter() - begin)


def main():
    arg = common.cohort_options(__doc__)
    gpu = torch.cuda.is_available()
    if not gpu and not arg.cpu:
        print("torch_cohort: PyTorch sees no GPU")
        sys.exit(77)
    torch.set_float32_matmul_precision("high" if arg.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = arg.tf32
    torch.backends.cudnn.benchmark = True
    device, wait = ("cuda", torch.cuda.synchronize) if gpu else ("cpu", lambda: None)
    name = torch.cuda.get_device_name(0) if gpu else "cpu"
    print(json.dumps({"device": name, "clients": arg.clients, "tf32": arg.tf32}), flush=True)
    for model in arg.model or common.MODELS:
        found = {}
        for form, make in (("vmap", vmap), ("loop", loop)):
            try:
                xs, ys = batches(model, arg.samples // common.BATCH, arg.clients, device)
                rate = measure(make(torch_train.module(model).to(device), xs, ys), arg.seconds, wait)
                found[form] = round(rate * xs.shape[0] * common.BATCH)
            except Exception as e:  # pylint: disable=broad-except  # vmap does not know every layer: the others go on
                found[form] = "error: " + (str(e).splitlines() or [type(e).__name__])[0][:200]
            print(json.dumps({model: found}), flush=True)


if __name__ == "__main__":
    main()
