"""The machine of a pickle: its stack, its memo and its imports, as far as values are known."""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from abc import ABC, abstractmethod
from typing import Any

from .bytestream import Broken
from .values import DTYPE, UNKNOWN, UNSEEN, Dictionary, Global, Hidden, Items, Object, has_ordinary_keys

_MOST_IMPORTS = 1000
_MOST_STEPS = 20_000_000  # opcodes, of some two million words; half a minute
_MOST_LEVELS = 8  # of tuples and dictionaries within each other, in a value that must be only data
_RECONSTRUCTOR = ("copyreg", "_reconstructor")  # it calls the constructor of its second argument
_CREATORS = (_RECONSTRUCTOR, ("copyreg", "__newobj__"), ("copyreg", "__newobj_ex__"))
_INDEXES = ("", "Datetime", "Interval", "Period", "Timedelta")
_MAKERS = ("newObj", "_reconstruct", "_mareconstruct", *(f"_new_{kind}Index" for kind in _INDEXES))
_CYTHON_MAKER = "__pyx_unpickle_"
_BASES = ("bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "set", "str", "tuple")
_RANDOM = ("numpy.random._pickle", "numpy.random.")  # these functions call their arguments
GETATTR, PARTIAL = Global("builtins", "getattr"), Global("functools", "partial")
_DICT = Global("builtins", "dict")
_METHODS = ("_entropy",)  # the bound methods that SciPy keeps with a distribution
WRAPPER = Global("joblib.numpy_pickle", "NumpyArrayWrapper")  # the description of an array that joblib writes


class Findings:
    """The globals and classes in the pickles of a file, in the order of their appearance."""

    def __init__(self) -> None:
        self.imports: dict[Global, None] = {}
        self.classes: dict[Global, None] = {}
        self.called: set[Global] = set()
        self.arrays = 0  # those that joblib writes between the opcodes
        self.unclear: dict[Global, int] = {}  # how often a global is on the stack, and not used in its harmless form
        self.protocol: int | None = None  # the protocol of the first pickle
        self.steps = 0
        self.held: Any = UNSEEN  # the value of the first pickle

    def step(self) -> None:
        """Count a step. Raises Broken if there are too many."""
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise Broken

    def settle(self) -> None:
        """Judge the globals that are harmless only in one form. Another use of a class counts as a call."""
        self.called |= self.used_otherwise()

    def used_otherwise(self) -> set[Global]:
        """The globals that are harmless only in one form, and were used in another one."""
        return {found for found, unclear in self.unclear.items() if unclear}


class Machine(ABC):
    """The values that opcodes act on.

    Texts, numbers, tuples, small dictionaries and globals on the stack are known.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.protocol = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def declare(self, protocol: int) -> None:
        """Record the protocol that the pickle declares."""
        self.protocol = protocol
        if self.findings.protocol is None:
            self.findings.protocol = protocol

    def pop(self) -> Any:
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        """All values since the last mark."""
        place = self.marks.pop()
        items = self.stack[place:]
        del self.stack[place:]
        return items

    def recall(self, place: int) -> Any:
        """A value of the memo. Raises KeyError if there is none."""
        return self.memo[place]

    def found(self, module: object, name: object) -> Global:
        known = isinstance(module, str) and isinstance(name, str)
        made = Global(str(module), str(name)) if known else UNKNOWN
        if self.protocol < 3:  # older protocols use the names of Python 2
            made = Global(*NAME_MAPPING.get(made, (IMPORT_MAPPING.get(made.module, made.module), made.name)))
        self.findings.imports[made] = None
        self.used(made)
        if len(self.findings.imports) > _MOST_IMPORTS:
            raise Broken
        return made

    def used(self, value: Any) -> None:
        """Count a value that was put on the stack, if it is a global that is harmless only in one form.

        Arguments count as their first one: it can be a class. A dtype that is used before it gets its state is never
        harmless: the state would change what uses it.
        """
        if isinstance(value, Object) and value.made_of == DTYPE and value.state is None:
            self.suspect()
        value = value[0] if type(value) is tuple and value else value
        if isinstance(value, Global) and (value in (GETATTR, PARTIAL, WRAPPER) or self.is_class_only(value)):
            self.findings.unclear[value] = self.findings.unclear.get(value, 0) + 1

    def used_as_class(self, made_of: Any) -> None:
        """Take back the count of a class: an object of it is made, and its state is checked."""
        if isinstance(made_of, Global) and made_of in self.findings.unclear:
            self.findings.unclear[made_of] -= 1

    def active(self, value: Any, levels: int = _MOST_LEVELS) -> Global | None:
        """The first active class in a value. None if there is none. From then on, there must be none: see `filled`."""
        self.findings.step()
        if isinstance(value, Object | Items | Dictionary):
            value.is_judged = True
        if isinstance(value, Object | Items):
            return value.active
        parts = tuple(value.values()) if isinstance(value, dict) else value
        if isinstance(parts, Hidden):
            return parts.active
        if not isinstance(parts, tuple):
            return None
        return UNKNOWN if levels == 0 else next(filter(None, (self.active(part, levels - 1) for part in parts)), None)

    def filled(self, known: Object | Items | Dictionary, active: Global | None) -> None:
        """Something was put into a value, with an active class or none. If the value was judged before, it is too late.

        A value that is filled later would be in another one, or in an argument, that seemed to be without a class.
        """
        was_active = isinstance(known, Object | Items) and known.active
        if active and known.is_judged and not was_active:
            self.suspect()
        if isinstance(known, Object | Items):
            known.active = known.active or active

    def is_container(self, value: Any) -> bool:
        """Whether a value is a list, a set or a dictionary. Others get their items from a method of their own."""
        made_of = value.made_of if isinstance(value, Object) else None
        is_listed = isinstance(made_of, Global) and made_of.module in ("builtins", "collections")
        return isinstance(value, Items) or value is UNSEEN or is_listed

    def demand_data(self, *values: Any) -> None:
        """Code calls methods of these values. Count an active class in them as called."""
        for found in filter(None, map(self.active, values)):
            self.blame(found)

    def blame(self, found: Any) -> None:
        """Count a class as called. Record an effect without a name if it is not a global."""
        if isinstance(found, Global) and found != UNKNOWN:
            self.findings.called.add(found)
        else:
            self.suspect()

    def suspect(self) -> None:
        """Record an effect that has no name in the file."""
        self.findings.imports[UNKNOWN] = None

    def make(self, made_of: Any, arguments: Any) -> None:
        """Create an object of a class, without its constructor."""
        self.demand_data(arguments)
        if isinstance(made_of, Global):
            self.findings.classes[made_of] = None
            self.used_as_class(made_of)
        else:
            self.suspect()
        self.stack.append(self._object(made_of, arguments))

    def _object(self, made_of: Any, arguments: Any) -> Object:
        if not isinstance(made_of, Global):
            return Object(made_of, arguments, active=UNKNOWN)
        is_data = self.holds_only_data(made_of)
        return Object(made_of, arguments, active=self.active(arguments) if is_data else made_of)

    def call(self, function: Any, arguments: Any) -> None:
        """Call a global. Only pickles that hide something call another value."""
        if not isinstance(function, Global) or not _are_harmless(function, arguments):
            self.suspect()
        if function in _CREATORS:  # how the older protocols create an object of a class
            self._check_base(arguments)
            self.make(arguments[0], () if function == _RECONSTRUCTOR else arguments[1:])
            return
        if function == PARTIAL:
            self.findings.unclear[PARTIAL] -= _is_partial(arguments)
        elif function == GETATTR:
            self.findings.unclear[GETATTR] -= self._is_method(arguments)
        elif isinstance(function, Global):
            self.findings.called.add(function)
            self.demand_data(arguments)
        self.stack.append(
            self._made_by(function, arguments) if _is_maker(function) else self._object(function, arguments)
        )

    def _check_base(self, arguments: Any) -> None:
        """Check the last argument, from which the base of an object is made. A dictionary gives one its items.

        A text is made from the texts of the items, so their methods are called.
        """
        base = arguments[-1]
        if not isinstance(base, dict) or arguments[1] != _DICT:
            self.demand_data(base)
        elif not has_ordinary_keys(base):
            self.suspect()

    def _is_method(self, arguments: Any) -> bool:
        """Whether a bound method is meant that SciPy writes. Any other attribute can be a property, which runs code."""
        owner, *names = _values(arguments) or (None,)
        is_owner = isinstance(owner, Object) and isinstance(owner.made_of, Global)
        return is_owner and self.is_class_only(owner.made_of) and len(names) == 1 and names[0] in _METHODS

    def _made_by(self, function: Global, arguments: Any) -> Object:
        """The object that a function of a library makes of the class that is its first argument."""
        made_of, *rest = _values(arguments) or (None,)
        if not isinstance(made_of, Global):
            self.suspect()
        elif function.module.startswith("pandas") and not made_of.module.startswith("pandas"):
            self.suspect()  # the function passes arguments on to the class
        elif made_of != WRAPPER:
            self.used_as_class(made_of)
        return self._object(made_of, tuple(rest))

    def construct(self, made_of: Any, arguments: tuple[Any, ...]) -> None:
        """Create an object as protocol 0 does: with arguments, the constructor is called."""
        if arguments and isinstance(made_of, Global):
            self.findings.called.add(made_of)
        self.make(made_of, arguments)

    @abstractmethod
    def framed(self, size: int) -> None:
        """Begin a frame of `size` bytes."""

    @abstractmethod
    def is_class_only(self, found: Global) -> bool:
        """Whether a class is harmless only if an object of it is made, and gets its state."""

    @abstractmethod
    def holds_only_data(self, found: Global) -> bool:
        """Whether objects of a class, or the results of a function, get only data as their state and items."""

    @abstractmethod
    def build(self, state: Any) -> None:
        """Give the last object its state."""

    @abstractmethod
    def nested(self, value: bytes) -> None:
        """Follow a pickle that is nested in another one as bytes, as far as it is valid."""


def _are_harmless(function: Global, arguments: Any) -> bool:
    """Whether a function that calls its arguments gets only those that pickle itself writes."""
    if function == _RECONSTRUCTOR:
        return _has_plain_base(arguments)
    if function == DTYPE:  # another value could have a property of this name
        return isinstance((_values(arguments) or (None,))[0], str | Global)
    return function.module != _RANDOM[0] or all(map(_is_random, _values(arguments)))


def _is_maker(function: Any) -> bool:
    """Whether a function makes an object of its first argument. In each module, a name like this means this."""
    return isinstance(function, Global) and (function.name in _MAKERS or function.name.startswith(_CYTHON_MAKER))


def _is_partial(arguments: Any) -> bool:
    """Whether a partial function is only made, of a function that is itself judged."""
    return len(_values(arguments)) == 1 and isinstance(_values(arguments)[0], Global)


def _has_plain_base(arguments: Any) -> bool:
    base = arguments[1] if isinstance(arguments, tuple) and len(arguments) > 1 else None
    return isinstance(base, Global) and base.module == "builtins" and base.name in _BASES


def _values(arguments: Any) -> tuple[Any, ...]:
    return arguments if isinstance(arguments, tuple) else (None,)


def _is_random(value: Any) -> bool:
    """Whether a value is a name of a bit generator, or comes from NumPy's random module."""
    made_of = value.made_of if isinstance(value, Object) else value
    return isinstance(made_of, str) or (isinstance(made_of, Global) and made_of.module.startswith(_RANDOM[1]))
