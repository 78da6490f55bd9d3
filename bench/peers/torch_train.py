"""PyTorch at its best: torch_train.py MODEL FORM [BATCH]

FORM: step (a whole SGD step compiled), step-bf16 (the same under autocast to bfloat16), vmap (the step of 8 clients at once
compiled), eager (a plain loop), forward (evaluation, compiled, 256 samples at a time), forward-bf16.
"""
import sys

import common
import torch
import torch.nn.functional as F
from torch import nn

if not common.GPU:
    torch.set_num_threads(1)
torch.manual_seed(1)


class CharLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(common.CHARS, common.EMBED)
        self.lstm = nn.LSTM(common.EMBED, common.HIDDEN, 2, batch_first=True)
        self.out = nn.Linear(common.HIDDEN, common.CHARS)

    def forward(self, x):
        return self.out(self.lstm(self.embed(x))[0]).flatten(0, 1)


def module(name):
    if name == "softmax":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    if name == "two_nn":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(),
                             nn.Linear(200, 10))
    if name == "lenet5":
        return nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                             nn.Linear(84, 10))
    if name == "mcmahan_cnn":
        return nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2),
                             nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10))
    if name == "pfl_cnn":
        return nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Dropout(0.25), nn.Flatten(), nn.Linear(12544, 128), nn.ReLU(), nn.Dropout(0.5),
                             nn.Linear(128, 10))
    return CharLstm()


def batches(name, n):
    if name == "char_lstm":
        shape = (common.STEPS, n, common.LENGTH)
        return torch.randint(common.CHARS, shape), torch.randint(common.CHARS, (common.STEPS, n * common.LENGTH))
    h, w, c = common.IMAGE[name]
    return torch.rand(common.STEPS, n, c, h, w), torch.randint(10, (common.STEPS, n))


def eager(name, steps):
    m = module(name)
    x, y = batches(name, common.BATCH)
    opt = torch.optim.SGD(m.parameters(), lr=0.01)

    def work():
        for i in range(steps):
            opt.zero_grad()
            F.cross_entropy(m(x[i]), y[i]).backward()
            opt.step()
        return steps * common.BATCH
    return work


def bf16(on):
    return torch.autocast("cuda" if common.GPU else "cpu", dtype=torch.bfloat16, enabled=on)


def step(name, steps, half=False):
    """One program for forward, backward and update."""
    m = module(name)
    x, y = batches(name, common.BATCH)
    params = list(m.parameters())

    @torch.compile
    def one(xb, yb):
        with bf16(half):
            loss = F.cross_entropy(m(xb), yb)
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p.sub_(g, alpha=0.01)

    def work():
        for i in range(steps):
            one(x[i], y[i])
        return steps * common.BATCH
    return work


def functional_step(name, steps):
    """The same, differentiated by torch.func: what compiles where autograd.grad does not."""
    m = module(name)
    x, y = batches(name, common.BATCH)
    state = {"p": {k: v.detach() for k, v in m.named_parameters()}}

    def loss(p, xb, yb):
        return F.cross_entropy(torch.func.functional_call(m, p, (xb,)), yb)

    @torch.compile
    def one(p, xb, yb):
        g = torch.func.grad(loss)(p, xb, yb)
        return {k: p[k] - 0.01 * g[k] for k in p}

    def work():
        for i in range(steps):
            state["p"] = one(state["p"], x[i], y[i])
        return steps * common.BATCH
    return work


def vmap(name, steps):
    m = module(name)
    x, y = batches(name, common.VMAP * common.BATCH)
    x = x.unflatten(1, (common.VMAP, common.BATCH))
    y = y.unflatten(1, (common.VMAP, -1))
    state = {"p": {k: v.detach().expand(common.VMAP, *v.shape).contiguous() for k, v in m.named_parameters()}}

    def loss(p, xb, yb):
        return F.cross_entropy(torch.func.functional_call(m, p, (xb,)), yb)

    @torch.compile
    def one(p, xb, yb):
        g = torch.func.vmap(torch.func.grad(loss), randomness="different")(p, xb, yb)
        return {k: p[k] - 0.01 * g[k] for k in p}

    def work():
        for i in range(steps):
            state["p"] = one(state["p"], x[i], y[i])
        return steps * common.VMAP * common.BATCH
    return work


def forward(name, steps, half=False):
    m = module(name).eval()
    x, _ = batches(name, 256)
    run = torch.compile(m)

    def work():
        with torch.inference_mode(), bf16(half):
            for i in range(min(steps, 8)):
                run(x[i]).argmax(1)
        return min(steps, 8) * 256
    return work


def main():
    name, form = sys.argv[1:3]
    common.BATCH = int(sys.argv[3]) if len(sys.argv) > 3 else common.BATCH
    steps = 2 if name == "char_lstm" else 10 if name.endswith("cnn") else common.STEPS
    make = {"eager": eager, "step": step, "step-bf16": lambda *a: step(*a, half=True), "functional": functional_step, "vmap": vmap,
            "forward": forward, "forward-bf16": lambda *a: forward(*a, half=True)}[form]
    common.serve(f"torch-{torch.__version__.split('+')[0]}-{form}", make(name, steps))


if __name__ == "__main__":
    main()
