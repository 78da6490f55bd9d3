#!/bin/sh
# What examples/htcondor.sub runs: a deployment on the cores of one machine, in the folder of the job.
# HTCondor sends TERM when it wants the machine back; forage saves and ends with 75, which asks for another start.
exec "${FORAGE:-forage}" launch -n "${1:?ranks}" --out run "${2:?configuration}"
