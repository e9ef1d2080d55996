"""Pickles, read without running them.

A pickle is a program for a small machine with a stack. PyTorch describes the tensors of a weight file by such a program, and beside them
lies whatever a training script saved: its settings, dates, the optimizer. Python's own `pickle` would call any function that the program
names. This reader takes it apart with `pickletools`, which only splits it into instructions, and runs those that build lists,
dictionaries, texts and numbers. A name stands for something of the allowed table, or else for a `Marker`, which does nothing: what the
program wants to call, to make or to change of it is noted there, and nothing of that name is looked up or imported.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from minicnn.errors import WeightFileError
from minicnn.weightfiles.stored import shown

#: No pickle is longer, in bytes, and none has more instructions; that of a VGG19 has 8 KB and 1,500. Both bound the memory that hostile
#: ones can take: an instruction makes an object of at most 300 bytes, a text or a number no more than is in the file.
LONGEST_PICKLE, MOST_INSTRUCTIONS = 1 << 26, 4_000_000

#: An integer with more bits is not kept, nor is a name of more characters: nobody needs them.
MOST_BITS, LONGEST_NAME = 128, 300

#: Lists and tuples that are passed to functions have at most so many items, all calls together.
MOST_PASSED = 20_000_000

#: How the names of functions begin that make arrays and tensors of kinds that are not read.
REBUILDING = (
    "torch._utils._rebuild",
    "torch._tensor._rebuild",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
)

#: Instructions that push what comes with them, or a constant.
PUSHES = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"}
PUSHES |= {"BINFLOAT", "FLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
PUSHES |= {"SHORT_BINSTRING", "BINSTRING", "STRING"}  # texts of Python 2
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,  # who reads weights does not care that nothing comes twice
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

#: Instructions that change nothing here.
IDLE = {"PROTO", "FRAME"}


@dataclass(eq=False)
class Marker:
    """Stands for something that is not made: an object of a class that is not looked up, or what a function would return.

    Attributes
    ----------
    name : str
        Of the class or the function, with its module.
    why : str
        If it was of the allowed table, what was wrong with its arguments; else empty.
    state : object
        What the pickle would give the object as its state.
    items : dict
        What it would put into it, if it is a kind of dictionary.
    """

    name: str
    why: str = ""
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


def read_pickle(content: bytes, allowed: Mapping[str, Any], persistent: Callable[[Any], Any] | None = None) -> tuple[Any, int]:
    """Read one pickle.

    Parameters
    ----------
    content : bytes
        Begins with the pickle. Only the first `LONGEST_PICKLE` bytes are looked at.
    allowed : dict
        What names stand for, with the module. Functions may be called by the pickle. All others become a `Marker`.
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
        If it is damaged, or larger than any.
    """
    stream = io.BytesIO(content[:LONGEST_PICKLE])
    machine = _Machine(allowed, persistent)
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if number == MOST_INSTRUCTIONS:
                raise WeightFileError(f"its pickle has more than {MOST_INSTRUCTIONS:,} instructions; expected little beside the weights")
            machine.run(opcode.name, argument)
        if len(machine.stack) != 1 or machine.outer:
            raise WeightFileError("its pickle does not end with one value; get the file again")
    except (IndexError, KeyError):
        raise WeightFileError("its pickle takes something that is not there; get the file again") from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
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
        self.passed = 0

    def run(self, name: str, argument: Any) -> None:
        """Run one instruction."""
        if name in PUSHES:
            self.push(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name]())
        elif name in TUPLES:
            self.stack.append(tuple([self.stack.pop() for _ in range(TUPLES[name])][::-1]))
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            if not 0 <= argument < 1 << 32:
                raise IndexError
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self.fetch(argument.replace(" ", ".", 1))
        elif name == "INST":
            arguments = tuple(self.since_mark())
            self.fetch(argument.replace(" ", ".", 1))
            self.stack.append(arguments)
            self.call()
        elif name not in IDLE and name != "STOP":
            instruction = self.INSTRUCTIONS.get(name)
            if instruction is None:
                raise WeightFileError(f"its pickle has the instruction {name}; a file of weights needs none such, so it is refused")
            instruction(self)

    def push(self, value: Any) -> None:
        large = isinstance(value, int) and value.bit_length() > MOST_BITS
        self.stack.append(Marker("a large integer") if large else value)

    def fetch(self, name: str) -> None:
        self.stack.append(self.allowed[name] if name in self.allowed else Marker(name))

    def fetch_from_stack(self) -> None:
        parts = name, module = self.stack.pop(), self.stack.pop()
        known = all(isinstance(part, str) and len(part) <= LONGEST_NAME for part in parts)
        self.fetch(f"{module}.{name}" if known else "something without a name")

    def mark(self) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """Take what was pushed since the last mark."""
        items, self.stack = self.stack, self.outer.pop()
        return items

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def pop_mark(self) -> None:
        self.since_mark()

    def call(self) -> None:
        """Call an allowed function, or note that another would have been called; what allowed ones cannot take is noted, too."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if isinstance(function, Marker):
            rebuilds = function.name.startswith(REBUILDING)
            self.stack.append(Marker(function.name, f"{shown(function.name)} makes it, which is not run" if rebuilds else ""))
        elif callable(function) and isinstance(arguments, tuple):
            self.passed += sum(len(part) for part in (arguments, *arguments[:8]) if isinstance(part, (list, tuple)))
            if self.passed > MOST_PASSED:
                raise WeightFileError(f"its pickle passes lists of more than {MOST_PASSED:,} items to functions; expected tensors")
            try:
                self.stack.append(function(*arguments[:8]))
            except WeightFileError as error:
                self.stack.append(Marker(getattr(function, "__name__", "a function"), str(error)))
        else:
            raise WeightFileError("its pickle calls something that is no function; get the file again")

    def make(self) -> None:
        """OBJ: the class lies below its arguments."""
        cls, *arguments = self.since_mark()
        self.stack += [cls, tuple(arguments)]
        self.call()

    def make_with_names(self) -> None:
        """NEWOBJ_EX: arguments by name come last."""
        self.stack.pop()
        self.call()

    def set_state(self) -> None:
        """BUILD: note an object's state; PyTorch hangs version numbers onto dictionaries and tensors so, which do not matter."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Marker):
            self.stack[-1].state = state

    def append(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], Marker):
            self.top(list).extend(items)

    def set_items(self, items: list[Any]) -> None:
        top = self.stack[-1].items if isinstance(self.stack[-1], Marker) else self.top(dict)
        if len(items) % 2:
            raise WeightFileError("its pickle has a dictionary with a key without a value; get the file again")
        top.update((key, value) for key, value in zip(items[::2], items[1::2]) if _can_be_key(key))

    def top(self, kind: type) -> Any:
        """Return the value on top of the stack, which must be a list or a dictionary of the pickle's own."""
        if type(self.stack[-1]) is not kind:
            raise WeightFileError(f"its pickle treats a {type(self.stack[-1]).__name__} as a {kind.__name__}; get the file again")
        return self.stack[-1]

    def push_dictionary(self) -> None:
        items = self.since_mark()
        self.stack.append({})
        self.set_items(items)

    def resolve(self) -> None:
        if self.persistent is None:
            raise WeightFileError("its pickle refers to something outside; get the file again")
        try:
            self.stack.append(self.persistent(self.stack.pop()))
        except WeightFileError as error:
            self.stack.append(Marker("a storage", str(error)))

    INSTRUCTIONS: ClassVar[Mapping[str, Callable[[_Machine], None]]] = {
        "MARK": mark,
        "POP": pop,
        "POP_MARK": pop_mark,
        "DUP": lambda self: self.push(self.stack[-1]),
        "TUPLE": lambda self: self.push(tuple(self.since_mark())),
        "LIST": lambda self: self.push(self.since_mark()),
        "FROZENSET": lambda self: self.push(self.since_mark()),
        "DICT": push_dictionary,
        "APPEND": lambda self: self.append([self.stack.pop()]),
        "APPENDS": lambda self: self.append(self.since_mark()),
        "ADDITEMS": lambda self: self.append(self.since_mark()),
        "SETITEM": lambda self: self.set_items([self.stack.pop(-2), self.stack.pop()]),
        "SETITEMS": lambda self: self.set_items(self.since_mark()),
        "BINPERSID": resolve,
        "STACK_GLOBAL": fetch_from_stack,
        "REDUCE": call,
        "NEWOBJ": call,
        "NEWOBJ_EX": make_with_names,
        "OBJ": make,
        "BUILD": set_state,
    }


def _can_be_key(key: Any) -> bool:
    """Tell whether a dictionary keeps a key: names, and what is compared quickly; nobody looks for others."""
    if isinstance(key, int):
        return key.bit_length() < 54  # of larger ones many can have the same hash
    return isinstance(key, (str, bytes, type(None), Marker))
