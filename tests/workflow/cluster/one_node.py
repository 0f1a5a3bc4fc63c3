"""A Slurm cluster of one node, this machine, on 127.0.0.1 and in a folder of its own."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
SYSTEM_CONFIG = Path("/etc/slurm/slurm.conf")
# Where clients look next. The plugin hides SLURM_CONF from the `srun` within a job.
CONFIG = Path("/run/slurm/conf/slurm.conf")
PATIENCE = 60  # seconds; every wait here is over in a few

# Memory limits by polling, since a container may not write to cgroups. A GPU in name only.
SETTINGS = """
ClusterName=one_node
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=2
MinJobAge=86400
KillWait=30
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 Gres=gpu:1 State=UNKNOWN
PartitionName=normal Nodes=ALL Default=YES MaxTime=1-0 State=UP
PartitionName=short Nodes=ALL MaxTime=1 State=UP
PartitionName=gpu Nodes=ALL MaxTime=1-0 State=UP
"""


def obstacle() -> str:
    """Say why no cluster can be started here, or return an empty text."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        return f"{', '.join(missing)}: not installed (Debian: slurm-wlm, slurm-client, munge)"
    if os.geteuid() != 0:
        return "Slurm's daemons start jobs as root only"
    if SYSTEM_CONFIG.exists() or CONFIG.exists():
        return "this machine belongs to a Slurm cluster already"
    if (os.cpu_count() or 1) < 2:
        return "a training asks for two CPUs"
    return ""


class OneNodeCluster:
    """Start and stop the daemons, and ask them as a user would."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="one_node_cluster."))
        self._folder.chmod(0o755)  # munge talks through a folder that anyone may enter
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._configure()

    def start(self) -> None:
        """Start all daemons and wait until the node takes jobs."""
        CONFIG.parent.mkdir(parents=True, exist_ok=True)
        CONFIG.unlink(missing_ok=True)  # a link that leads nowhere, left by a run that was killed
        CONFIG.symlink_to(self._folder / "slurm.conf")
        self._start_munge()
        self.start_controller()
        self.start_node()

    def stop(self) -> None:
        """End the jobs that are left and what `start` started, newest first."""
        if "slurmctld" in self._daemons and (left := self.running()):
            self.tell("scancel", *left)
            wait_until(lambda: not self.running(), "the last jobs to end")
        for name in reversed(list(self._daemons)):
            self._end(name, signal.SIGTERM)
        CONFIG.unlink(missing_ok=True)
        shutil.rmtree(self._folder)

    def start_controller(self) -> None:
        """Start slurmctld, which goes on with the jobs that it knew, and wait until it answers."""
        self._daemons["slurmctld"] = self._daemon("slurmctld", "-D")
        wait_until(lambda: "UP" in self.tell("scontrol", "ping"), "slurmctld to answer")

    def kill_controller(self) -> None:
        """End slurmctld as a crash would, once it has saved the jobs that it knows.

        It saves them some seconds after a change. One that runs but is not on record would be
        started a second time, whereupon Slurm takes the node out of service.
        """
        asked = time.time()
        for job in self.running():
            self.tell("scontrol", "update", f"JobId={job}", "Comment=saved")
        saved = self._folder / "state" / "job_state"
        wait_until(lambda: saved.stat().st_mtime > asked, "slurmctld to save its jobs")
        self._end("slurmctld", signal.SIGKILL)

    def start_node(self) -> None:
        """Start slurmd and wait until the node takes jobs."""
        self._daemons["slurmd"] = self._daemon("slurmd", "-D")
        ready = ("idle", "mixed", "allocated")
        wait_until(lambda: self.tell("sinfo", "-h", "-o", "%T").startswith(ready), "the node")

    def kill_node(self) -> None:
        """End slurmd as a crash would; running jobs have a process of their own and go on."""
        self._end("slurmd", signal.SIGKILL)

    def tell(self, *command: str) -> str:
        """Return what a client prints, empty where it fails."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    def shows(self, fields: str, *jobs: str) -> list[str]:
        """Return what `squeue -O` shows of each job, ended ones too, by their numbers."""
        command = ("squeue", "-h", "-t", "all", "-S", "i", "-j", ",".join(jobs), "-O", fields)
        return [line.strip() for line in self.tell(*command).splitlines()]

    def running(self) -> list[str]:
        """Return the numbers of the jobs that wait or run."""
        return self.tell("squeue", "-h", "-o", "%i").split()

    def _configure(self) -> None:
        with socket.socket() as controller, socket.socket() as node:
            for each in (controller, node):
                each.bind(("127.0.0.1", 0))
            ports = controller.getsockname()[1], node.getsockname()[1]
        settings = SETTINGS.format(
            host=socket.gethostname().partition(".")[0],
            folder=self._folder,
            controller_port=ports[0],
            node_port=ports[1],
            cpus=os.cpu_count(),
        )
        (self._folder / "slurm.conf").write_text(settings, encoding="utf-8")
        (self._folder / "gres.conf").write_text("Name=gpu Count=1 File=/dev/null\n", "utf-8")
        for name in ("state", "spool"):
            (self._folder / name).mkdir()

    def _start_munge(self) -> None:
        key, sock = self._folder / "munge.key", self._folder / "munge.socket"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        files = [
            f"--{kind}-file={self._folder / f'munge.{kind}'}" for kind in ("pid", "log", "seed")
        ]
        command = ["munged", "--foreground", f"--socket={sock}", f"--key-file={key}", *files]
        self._daemons["munged"] = self._popen(command)
        wait_until(sock.exists, "munged to listen")

    def _daemon(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        return self._popen([name, "-f", str(self._folder / "slurm.conf"), *options])

    def _popen(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / "daemons.log").open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _end(self, name: str, number: signal.Signals) -> None:
        daemon = self._daemons.pop(name)
        daemon.send_signal(number)
        daemon.wait(PATIENCE)


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Return once the condition holds.

    Raises
    ------
    TimeoutError
        If it does not within `patience` seconds.
    """
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience} seconds for {what}")
        time.sleep(0.2)
