"""Reading the pickles in PyTorch's files without running what they say.

A pickle is a program for a small machine with a stack: some instructions push numbers and texts, some build lists and dictionaries,
GLOBAL fetches any function of any Python module by name, and REDUCE calls it. So with Python's own `pickle` whoever wrote the file can run
any code. Here is a machine that has only those instructions which files of tensors need. GLOBAL looks a name up in a table of what is
allowed; everything else is refused by its name. The machine imports nothing, calls nothing but the table's functions, which are ours, and
its memory is bounded by the length of the pickle.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from minicnn.errors import WeightFileError
from minicnn.weightfiles.stored import shown

#: No pickle is longer, in bytes; that of a VGG19 takes 8 KB. It bounds the memory that hostile ones can take to about 100 times as much.
LONGEST_PICKLE = 1 << 20

#: No integer has more bits.
MOST_BITS = 128

#: Instructions that push what comes with them, or a constant.
PUSHES = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"}
PUSHES |= {"SHORT_BINSTRING", "BINSTRING"}  # texts of Python 2
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

#: Instructions that change nothing here.
IDLE = {"PROTO", "FRAME"}


def read_pickle(content: bytes, allowed: Mapping[str, Any], persistent: Callable[[Any], Any] | None = None) -> tuple[Any, int]:
    """Read one pickle.

    Parameters
    ----------
    content : bytes
        Begins with the pickle. Only the first `LONGEST_PICKLE` bytes are looked at.
    allowed : dict
        What GLOBAL may fetch, by its name with the module. Functions may be called by the pickle.
    persistent : function, optional
        Turns a persistent identifier, by which a pickle refers to what lies outside it, into a value.

    Returns
    -------
    value : object
    length : int
        Of the pickle, in bytes.

    Raises
    ------
    WeightFileError
        If it is damaged, or wants something that is not allowed.
    """
    stream = io.BytesIO(content[:LONGEST_PICKLE])
    machine = _Machine(allowed, persistent)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            machine.run(opcode.name, argument)
        if len(machine.stack) != 1 or machine.outer:
            raise WeightFileError("its pickle does not end with one value; get the file again")
    except (IndexError, KeyError):
        raise WeightFileError("its pickle takes something that is not there; get the file again") from None
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, WeightFileError):
            raise
        raise WeightFileError(f"its pickle is damaged ({shown(error)}); get the file again") from None
    return machine.stack[0], stream.tell()


class _Machine:
    """The stack, the stacks below each mark, and the memo."""

    def __init__(self, allowed: Mapping[str, Any], persistent: Callable[[Any], Any] | None):
        self.allowed, self.persistent = allowed, persistent
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, name: str, argument: Any) -> None:
        """Run one instruction."""
        if name in PUSHES:
            self.push(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name]())
        elif name in TUPLES:
            self.stack.append(tuple([self.stack.pop() for _ in range(TUPLES[name])][::-1]))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self.fetch(argument.replace(" ", ".", 1))
        elif name not in IDLE and name != "STOP":
            instruction = self.INSTRUCTIONS.get(name)
            if instruction is None:
                raise WeightFileError(f"its pickle has the instruction {name}; a file of weights needs none such, so it is refused")
            instruction(self)

    def push(self, value: Any) -> None:
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise WeightFileError(f"its pickle holds an integer of {value.bit_length():,} bits; get the file again")
        self.stack.append(value)

    def fetch(self, name: str) -> None:
        if name not in self.allowed:
            raise WeightFileError(
                f"its pickle wants {shown(name)}; a file of weights needs only tensors, so it is refused and nothing of it was run. "
                "Of a file that you trust, save the state_dict alone"
            )
        self.stack.append(self.allowed[name])

    def fetch_from_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.fetch(f"{module}.{name}" if isinstance(name, str) and isinstance(module, str) else "something without a name")

    def mark(self) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """Take what was pushed since the last mark."""
        items, self.stack = self.stack, self.outer.pop()
        return items

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not callable(function) or not isinstance(arguments, tuple):
            raise WeightFileError("its pickle calls something that is no function; get the file again")
        self.stack.append(function(*arguments))

    def set_state(self) -> None:
        """BUILD, which PyTorch uses to hang version numbers onto a dictionary; they do not matter."""
        self.stack.pop()
        self.top(dict)

    def append(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def set_items(self, items: list[Any]) -> None:
        if len(items) % 2 or not all(isinstance(key, (str, int)) for key in items[::2]):
            raise WeightFileError("its pickle has a dictionary whose keys are no names; get the file again")
        self.top(dict).update(zip(items[::2], items[1::2]))

    def top(self, kind: type) -> Any:
        """Return the value on top of the stack, which must be a list or a dictionary of the pickle's own."""
        if type(self.stack[-1]) is not kind:
            raise WeightFileError(f"its pickle treats a {type(self.stack[-1]).__name__} as a {kind.__name__}; get the file again")
        return self.stack[-1]

    def resolve(self) -> None:
        if self.persistent is None:
            raise WeightFileError("its pickle refers to something outside; get the file again")
        self.stack.append(self.persistent(self.stack.pop()))

    INSTRUCTIONS: ClassVar[Mapping[str, Callable[[_Machine], None]]] = {
        "MARK": mark,
        "TUPLE": lambda self: self.push(tuple(self.since_mark())),
        "APPEND": lambda self: self.append([self.stack.pop()]),
        "APPENDS": lambda self: self.append(self.since_mark()),
        "SETITEM": lambda self: self.set_items([self.stack.pop(-2), self.stack.pop()]),
        "SETITEMS": lambda self: self.set_items(self.since_mark()),
        "BINPERSID": resolve,
        "STACK_GLOBAL": fetch_from_stack,
        "REDUCE": call,
        "BUILD": set_state,
    }
