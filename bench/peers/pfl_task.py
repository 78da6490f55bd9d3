"""pfl-research's simulation in one process: pfl_task.py [MODEL]

FedAvg of a PyTorch module, no evaluation. Without MODEL FLUTE's LR_MNIST task: 1000 users x 60 samples, 10 a round, one epoch in
batches of 10, softmax; with one the training of that model (torch_train.py), 10 users a round with 60 batches of 10 each (CNNs: 10).
Prints "ready NAME", then for each line it reads the CPU seconds that 100 rounds of the task took after a first one, or
the samples/s of CPU time of the model's rounds after a first one.
"""
import sys
import time

import common
import torch
import torch_train
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.pytorch import PyTorchTensorDataset
from pfl.data.sampling import MinimizeReuseUserSampler
from pfl.hyperparam import NNTrainHyperParams
from pfl.metrics import Metrics
from pfl.model.pytorch import PyTorchModel
from pfl.version import __version__

TASK = common.LR_MNIST
COHORT, LEAST_S = 10, 1.0
torch.set_num_threads(1)


class Learner(torch.nn.Module):
    """What pfl asks of a module."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def loss(self, x, y):
        return torch.nn.functional.cross_entropy(self.net(x), y)

    def metrics(self, x, y, **_):
        return {}


class Clock(TrainingProcessCallback):
    """When each round ended."""

    def __init__(self):
        self.ended = []

    def after_central_iteration(self, aggregate_metrics, model, *, central_iteration):
        self.ended.append(time.process_time())
        return False, Metrics()


def play(net, data, users, cohort, rounds, lr):
    """CPU seconds of so many rounds after a first one."""
    users = FederatedDataset(lambda _user: PyTorchTensorDataset(data), MinimizeReuseUserSampler(list(range(users))))
    module, clock = Learner(net), Clock()
    model = PyTorchModel(module, torch.optim.SGD, torch.optim.SGD(module.parameters(), lr=1.0))
    FederatedAveraging().run(
        NNAlgorithmParams(central_num_iterations=1 + rounds, evaluation_frequency=10 ** 9, train_cohort_size=cohort,
                          val_cohort_size=0),
        SimulatedBackend(users, users), model,
        NNTrainHyperParams(local_num_epochs=1, local_learning_rate=lr, local_batch_size=TASK.batch), None, [clock],
        send_metrics_to_platform=False)
    return clock.ended[-1] - clock.ended[0]


def task():
    net = torch.nn.Linear(784, 10)
    return lambda: play(net, common.shard(torch), TASK.clients, TASK.cohort, TASK.rounds, 0.03)


def training(name):
    net = torch_train.module(name)
    x, y = torch_train.batches(name, common.BATCH)
    steps = 10 if name.endswith("cnn") else common.STEPS
    data = x[:steps].flatten(0, 1), y[:steps].flatten()
    samples, rounds = COHORT * steps * common.BATCH, 1

    def work():
        nonlocal rounds
        while True:
            seconds = play(net, data, 10 * COHORT, COHORT, rounds, 0.01)
            if seconds >= LEAST_S:
                return rounds * samples / seconds
            rounds = int(1.5 * rounds * LEAST_S / max(seconds, 0.01)) + 1
    return work


def main():
    work = task()
    if len(sys.argv) > 1:
        work = training(sys.argv[1])
        work()
    print(f"ready pfl-{__version__}", flush=True)
    for _ in sys.stdin:
        print(work(), flush=True)


if __name__ == "__main__":
    main()
