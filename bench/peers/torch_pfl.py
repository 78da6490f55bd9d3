#!/usr/bin/env python3
"""The opponent on a GPU in PyTorch: pfl-research's CIFAR10 benchmark shape, as jax_pfl.py.

1000 users x 50 images, cohort 50, one local epoch, batch 10, lr 0.1, the pfl CNN with dropout, unweighted mean,
evaluation every 10 rounds on 10,000 images. Data are random bytes: time is measured, not accuracy.
Two forms: `vmap`, a step of all clients at once (torch.func, compiled where that works); `loop`, one client after the
other as pfl and Flower train them. A line of JSON on stdout as each is done. Exits 77 without PyTorch or without a GPU (--cpu).
"""
import argparse
import json
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    print("torch_pfl: no PyTorch here")
    sys.exit(77)

USERS, IMAGES, BATCH, LR = 1000, 50, 10, 0.1


def model():
    return nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Dropout(0.25), nn.Flatten(), nn.Linear(12544, 128), nn.ReLU(), nn.Dropout(0.5),
                         nn.Linear(128, 10))


def as_input(x):
    return x.float().div_(255).sub_(0.5)


def make_vmap(net, compiled):
    def loss(params, x, y):
        return F.cross_entropy(torch.func.functional_call(net, params, (x,)), y)

    def step(params, x, y):
        g = torch.func.vmap(torch.func.grad(loss), randomness="different")(params, as_input(x), y)
        return {k: params[k] - LR * g[k] for k in params}
    step = torch.compile(step) if compiled else step

    def one_round(params, data, order):
        w = {k: v.expand(order.shape[0], *v.shape).contiguous() for k, v in params.items()}
        for i in range(order.shape[1]):
            w = step(w, data[0][order[:, i]], data[1][order[:, i]])
        return {k: v.mean(0) for k, v in w.items()}
    return one_round


def make_loop(net):
    def one_round(params, data, order):
        total = {k: torch.zeros_like(v) for k, v in params.items()}
        for client in order:
            net.load_state_dict(params)
            opt = torch.optim.SGD(net.parameters(), lr=LR)
            for batch in client:
                opt.zero_grad()
                F.cross_entropy(net(as_input(data[0][batch])), data[1][batch]).backward()
                opt.step()
            for k, v in net.state_dict().items():
                total[k] += v
        return {k: v / len(order) for k, v in total.items()}
    return one_round


def accuracy(net, params, data):
    net.eval()
    with torch.no_grad():
        right = sum((torch.func.functional_call(net, params, (as_input(data[0][i:i + 500]),)).argmax(1)
                     == data[1][i:i + 500]).sum() for i in range(0, len(data[0]), 500))
    net.train()
    return right


def measure(one_round, net, rounds, cohort, every, data, test, wait):
    params = {k: v.detach().clone() for k, v in net.state_dict().items()}

    def some(n):
        nonlocal params
        for r in range(n):
            who = torch.randperm(USERS, device=data[0].device)[:cohort]
            order = torch.rand(cohort, IMAGES, device=data[0].device).argsort(1) + who[:, None] * IMAGES
            params = one_round(params, data, order.reshape(cohort, -1, BATCH))
            if r % every == every - 1:
                accuracy(net, params, test)
        wait()
    some(2)  # compiled and warm before the clock
    begin = time.perf_counter()
    some(rounds)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1500)
    parser.add_argument("--cohort", type=int, default=50)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--test", type=int, default=10000, help="images of an evaluation, a multiple of 500")
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--cpu", action="store_true", help="without a GPU, too")
    arg = parser.parse_args()
    gpu = torch.cuda.is_available()
    if not gpu and not arg.cpu:
        print("torch_pfl: PyTorch sees no GPU")
        sys.exit(77)
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high" if arg.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = arg.tf32
    torch.backends.cudnn.benchmark = True
    where = "cuda" if gpu else "cpu"
    wait = torch.cuda.synchronize if gpu else lambda: None
    net = model().to(where)
    data = (torch.randint(256, (USERS * IMAGES, 3, 32, 32), dtype=torch.uint8, device=where),
            torch.randint(10, (USERS * IMAGES,), device=where))
    test = (data[0][:arg.test], data[1][:arg.test])
    out = {"device": torch.cuda.get_device_name(0) if gpu else "cpu", "rounds": arg.rounds, "cohort": arg.cohort,
           "tf32": arg.tf32}
    forms = {"vmap": make_vmap(net, False)}
    if not arg.eager:
        forms["compiled"] = make_vmap(net, True)
    forms["loop"] = make_loop(net)
    for form, one_round in forms.items():
        rounds = max(1, arg.rounds // 10) if form == "loop" else arg.rounds
        try:
            took = measure(one_round, net, rounds, arg.cohort, arg.every, data, test, wait)
        except Exception as e:  # pylint: disable=broad-except  # vmap and compile do not know every layer and compiler
            out[form + "_error"] = (str(e).splitlines() or [type(e).__name__])[0][:200]
        else:
            out[form + "_samples_per_s"] = rounds * arg.cohort * IMAGES / took
            out[form + "_s"] = took * arg.rounds / rounds
        print(json.dumps(out), flush=True)


if __name__ == "__main__":
    main()
