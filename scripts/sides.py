"""Programs to compare, each in a process of its own: they take turns, and while one works the others sleep."""

import multiprocessing
import time

#: Seconds between two turns: threads that wait for more work in a busy loop have given it up by then.
PAUSE = 0.1


class Side:
    """One program, in a process that lives until the end.

    Parameters
    ----------
    make : function
        Called in the process, as make(*arguments). It returns a function that turns a work into a list of functions to run.
    cpu_time : bool
        Whether the processor's time is counted, or that of the clock. Short runs are repeated, and the mean is told: for some milliseconds,
        or for a tenth of a second of the clock, so that waking the threads does not count.
    """

    def __init__(self, make, *arguments, cpu_time=False):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        context.Process(target=_serve, args=(theirs, make, arguments, cpu_time), daemon=True).start()

    def seconds(self, work):
        """Return how long each function of a work takes."""
        return self._ask("seconds", work)

    def results(self, work):
        """Return what each function of a work returns."""
        return self._ask("results", work)

    def _ask(self, *question):
        self.pipe.send(question)
        return self.pipe.recv()


def take_turns(sides, work, rounds):
    """Let all sides do a work in turn, after two rounds to warm up; returns for each side and round the seconds of each function."""
    found, names = {name: [] for name in sides}, list(sides)
    for i in range(rounds + 2):
        for name in names[i % len(names) :] + names[: i % len(names)]:  # nobody always comes after the same rival
            time.sleep(PAUSE)
            found[name].append(sides[name].seconds(work))
    return {name: seconds[2:] for name, seconds in found.items()}


def _serve(pipe, make, arguments, cpu_time):
    """Make each work once, and do it whenever it is asked for."""
    runs_of, made = make(*arguments), {}
    while True:
        try:
            question, work = pipe.recv()
        except EOFError:  # all is done
            return
        if work not in made:
            made.clear()
            made[work] = runs_of(*work)
        pipe.send([run() if question == "results" else _timed(run, cpu_time) for run in made[work]])


def _timed(run, cpu_time):
    clock, least = (time.process_time, 0.003) if cpu_time else (time.perf_counter, 0.1)
    start, calls = clock(), 0
    while clock() - start < least:
        run()
        calls += 1
    return (clock() - start) / calls
