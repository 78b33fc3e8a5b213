"""Defects for the gates: one line of the product is broken on purpose, and a gate must notice it. Each gate has one."""

from __future__ import annotations

from .builds import Defect
from .gate import Harm
from .planted_azure import AZURE
from .planted_hostile import HOSTILE
from .planting import Planted

DURABLE, DATABASE = "lading/store/durable.py", "lading/store/database.py"
LOCKS, LOCKED = "lading/store/locks.py", "            _wait_for(descriptor, name, wait, fcntl.LOCK_EX)"
SUPERVISOR = "lading_serving/supervisor.py"
KILLED = Defect(
    "old workers are killed where they should drain",
    "lading_serving/process.py",
    "            self._send_command(command)",
    "            self.kill()",
)
PLANTED = [
    Planted(
        "store-kill",
        {Harm.CORRUPT, Harm.LOST, Harm.STUCK},
        1.0,
        Defect("without a rollback journal", DATABASE, "journal_mode=TRUNCATE", "journal_mode=OFF"),
        r"pwrite64\(.*/\.lading/store\.db>",
    ),
    Planted(
        "store-refuse",
        {Harm.UNTRUE},
        0.5,
        Defect(
            "a failed fsync is passed over",
            DURABLE,
            "    os.fsync(descriptor)",
            "    with suppress(OSError):\n        os.fsync(descriptor)",
        ),
        "'EIO'.* fsync|'EIO'.*line='fsync",
    ),
    Planted(
        "power-loss",
        {Harm.CORRUPT, Harm.LOST},
        0.04,
        Defect("no fsync of files and folders", DURABLE, "    os.fsync(descriptor)", "    pass"),
    ),
    Planted(
        "power-loss",
        {Harm.CORRUPT, Harm.LOST},
        0.04,
        Defect("no fsync of the folder after a rename", DURABLE, "    sync(destination.parent)", "    pass"),
    ),
    Planted(
        "power-loss",
        {Harm.CORRUPT, Harm.LOST},
        0.04,
        Defect("transactions that are not synced", DATABASE, "synchronous=FULL", "synchronous=OFF"),
    ),
    Planted(
        "registrations",
        {Harm.STUCK, Harm.LOST},
        0.25,
        Defect("a deferred transaction", DATABASE, 'execute("BEGIN IMMEDIATE")', 'execute("BEGIN DEFERRED")'),
    ),
    Planted(
        "deployers",
        {Harm.UNTRUE, Harm.LOST},
        0.3,
        Defect(
            "the lock is not taken",
            LOCKS,
            LOCKED,
            "            pass",
        ),
    ),
    Planted(
        "deploy-kill",
        {Harm.STUCK},
        0.02,
        Defect(
            "a lock that a dead holder still has",
            LOCKS,
            LOCKED,
            f"            if os.fstat(descriptor).st_size:\n                raise Locked(name)\n{LOCKED}",
        ),
        r"call='rename'.*desired\.json",
    ),
    Planted(
        "update-kill",
        {Harm.GAP},
        0.02,
        Defect(
            "the old release goes before the new one is up",
            "lading_local/deploying.py",
            '{**before, "candidate": number}',
            '{**before, "serving": None, "candidate": number}',
        ),
        "call='connect'",  # the request to the new release for its golden request
    ),
    Planted(
        "supervisor-kill",
        {Harm.STUCK},
        0.02,
        Defect(
            "a service comes back at another address",
            SUPERVISOR,
            'super().__init__(kept=earlier["port"])',
            "super().__init__(kept=0)",
        ),
        r"call='rename'",
    ),
    Planted(
        "update-refuse",
        {Harm.UNTRUE},
        0.02,
        Defect(
            "what the system refuses is no failure of its own",
            DURABLE,
            "    except OSError as error:",
            "    except EOFError as error:",
        ),
        r"EACCES.*call='openat'.*\.lading/locks/",
    ),
    Planted(
        "lifecycles",
        {Harm.CORRUPT},
        1.0,
        Defect(
            "a deleted release stays up in the history",
            "lading/engine/release/service.py",
            '            self.session.store.releases.finish(release, "deleted", settles=True)',
            "            pass",
        ),
    ),
    Planted(
        "lifecycles",
        {Harm.CORRUPT},
        1.0,
        Defect(
            "an aborted canary stays one in the history",
            "lading/engine/release/traffic.py",
            'ended = service.session.store.releases.finish(canary, "aborted", reason, settles=True)',
            "ended = canary",
        ),
    ),
    Planted("switch-load", {Harm.GAP}, 0.01, KILLED),
    Planted("share-load", {Harm.GAP}, 0.01, KILLED),
    Planted(
        "switch-load",
        {Harm.GAP},
        0.01,
        Defect(
            "golden requests are not asked",
            "lading/engine/release/golden.py",
            "        if found := _compared(answer, sample):\n            return _refused(number, sample, found)",
            "        _compared(answer, sample)",
        ),
    ),
    Planted(
        "worker-kill",
        {Harm.GAP},
        0.01,
        Defect(
            "a worker's end is that of the others",
            "lading_serving/release.py",
            "        self._note(worker.how_it_ended())",
            "        self._kill()",
        ),
    ),
    Planted(
        "slow-clients",
        {Harm.GAP},
        0.01,
        Defect(
            "connections that wait cost time",
            "lading_serving/server.py",
            "            for _ in range(len(self._turns)):",
            "            time.sleep(len(self._connections) * 3e-5)\n            for _ in range(len(self._turns)):",
        ),
    ),
    Planted(
        "slow-clients",
        {Harm.GAP},
        0.01,
        Defect(
            "bodies that are arriving have no bound",
            "lading_serving/server.py",
            "        while self.arriving > _BODIES * self.limits.max_body:",
            "        while False:",
        ),
    ),
    Planted(
        "slow-clients",
        {Harm.GAP},
        0.01,
        Defect(
            "a slow client is told of a fault of ours",
            "lading_serving/connection.py",
            "            self._refuse(Refused(408,",
            "            self._refuse(Refused(503,",
        ),
    ),
    Planted(
        "schema",
        {Harm.GAP},
        0.01,
        Defect(
            "the default script does not look for data",
            "lading_bundle/lading_rows.py",
            "    if not place:",
            "    if False:",
        ),
    ),
    Planted(
        "schema",
        {Harm.UNTRUE},
        0.01,
        Defect(
            "every answer is said to be an object",
            "lading_serving/swagger.py",
            '_ANY_OUTPUT: Document = {"example": {}}',
            "_ANY_OUTPUT = _ANY_INPUT",
        ),
    ),
    Planted(
        "stuck-workers",
        {Harm.STUCK},
        1.0,
        Defect(
            "a worker beyond its time limit is not replaced",
            "lading_serving/release.py",
            "            self._hung += 1",
            "            return",
        ),
        "holds_the_gil, time",
    ),
    Planted(
        "stuck-workers",
        {Harm.GAP},
        1.0,
        Defect(
            "no health check is answered while all workers are stuck",
            "lading_serving/runner.py",
            "            self.reception.open(\n",
            "            self.reception.close() or (",
        ),
        "blocks_in_c, time",
    ),
    Planted(
        "stuck-workers",
        {Harm.ORPHAN},
        1.0,
        Defect(
            "the keeper ends nothing",
            "lading_serving/keeper.py",
            "    left = end_others((), _LIMIT, owns_session=True)",
            "    left: list[int] = []",
        ),
        "forks, supervisor",
    ),
    *HOSTILE,
    Planted(
        "old-models",
        {Harm.STUCK},
        1.0,
        Defect(
            "old versions may have NumPy 2",
            "lading_sklearn/requiring.py",
            '        yield "numpy<2"',
            "        pass",
        ),
        "1.2 linear",
    ),
    *AZURE,
    Planted(
        "kubernetes-sweep",
        {Harm.UNTRUE},
        0.01,
        Defect(
            "a list that the cluster has forgotten is not read again",
            "lading_kubernetes/failing.py",
            "_WAITS = {408: 2.0, 410: 0.5, 429: 2.0, 500: 1.0, 502: 1.0, 503: 2.0, 504: 2.0}",
            "_WAITS = {408: 2.0, 429: 2.0, 500: 1.0, 502: 1.0, 503: 2.0, 504: 2.0}",
        ),
        r"^gone .*GET .*/deployments$",
    ),
]
