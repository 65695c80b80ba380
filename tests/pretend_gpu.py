"""A GPU that is not there: tensors that say `cuda` and compute on the CPU, and refuse what a GPU would refuse.

A real GPU checks three things that a CPU never does: that tensors which meet lie on one device, that a random generator lives where it draws, and that NumPy is
given the host's memory only. Inside `pretend_gpu()` they are checked here, so that a machine without a GPU finds what would stop the package on one. Values are the
CPU's, so results must equal those of the CPU to the last bit; speed, memory and a GPU's own rounding cannot be tested this way.
"""

from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import joblib
import ot
import torch
import torch._functorch.vmap
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

HOST, GPU = torch.device("cpu"), torch.device("cuda:0")


class Pretended(Tensor):
    "A tensor in the memory of the GPU that is not there."

    @classmethod
    def __torch_function__(cls, f, types, args=(), kwargs=None):
        return carry_out(f, args, kwargs or {})


def plain(x):
    "The tensor as the CPU knows it; other things as they are."
    with torch._C.DisableTorchFunctionSubclass():
        return x.as_subclass(Tensor) if isinstance(x, Pretended) else x


def pretended(x):
    "The tensor as one on the GPU; other things as they are."
    return x.as_subclass(Pretended) if isinstance(x, Tensor) and not isinstance(x, Pretended) else x


# these cross devices, or take the host's indices
MAY_DIFFER = {
    "copy_",
    "to",
    "type",
    "__getitem__",
    "__setitem__",
    "index_put_",
    "set_",
    "data",
    "__set__",
    "grad",
}
DRAWS = {
    "random_",
    "uniform_",
    "normal_",
    "bernoulli_",
    "bernoulli",
    "exponential_",
    "multinomial",
    "geometric_",
    "cauchy_",
    "log_normal_",
}


in_vmap = {"gpu": False}  # has what `vmap` is at work on come from the GPU?


def is_gpu(device) -> bool:
    return (
        device is not None
        and torch.device(device if not isinstance(device, int) else f"cuda:{device}").type == "cuda"
    )


def wanted(f, args, kwargs):
    "The device that is asked for by name, or None."
    if "device" in kwargs:
        return kwargs["device"]
    if getattr(f, "__name__", "") != "to":
        return None
    for a in args[1:]:
        if isinstance(a, (str, torch.device)):
            return a
        if isinstance(a, Tensor):
            return GPU if isinstance(a, Pretended) else HOST
    other = kwargs.get("other")
    return None if other is None else GPU if isinstance(other, Pretended) else HOST


def refuse_what_a_gpu_would(name, tensors, kwargs, there):
    if there and name in ("numpy", "__array__"):
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        )
    here = [t for t in tensors if not isinstance(t, Pretended) and t.dim() > 0]
    if there and here and name not in MAY_DIFFER:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {name} got some on cuda:0 and one of shape {tuple(here[0].shape)} on cpu."
        )
    generator = kwargs.get("generator")
    if (
        generator is not None
        and generator.device.type == "cpu"
        and (is_gpu(kwargs.get("device")) or there and name in DRAWS)
    ):
        raise RuntimeError(f"Expected a 'cuda' device type for generator but found 'cpu' in {name}.")


def carry_out(f, args, kwargs):
    "Do on the CPU what is asked of the GPU."
    # of a property's getter: its own name
    name, owner = getattr(f, "__name__", ""), getattr(getattr(f, "__self__", None), "__name__", "")
    tensors = [a for a in tree_flatten((args, kwargs))[0] if isinstance(a, Tensor)]
    there, device = any(isinstance(t, Pretended) for t in tensors), wanted(f, args, kwargs)
    if not there and name != "cuda" and not is_gpu(device):
        return f(*args, **kwargs)
    # inside `vmap` and `grad`, where no tensor knows its device
    if torch._C._functorch.maybe_current_level() is not None:
        in_vmap["gpu"] |= there
        with torch._C.DisableTorchFunctionSubclass():
            return f(*tree_map(plain, args), **tree_map(plain, kwargs))
    if name == "__get__" and owner == "device":
        return GPU
    if name == "__get__" and owner in ("is_cuda", "is_cpu"):
        return owner == "is_cuda"
    if name == "__deepcopy__":
        return twin(*args)
    # so that modules which move get parameters of the right kind
    if name == "_has_compatible_shallow_copy_type":
        return False
    refuse_what_a_gpu_would(name, tensors, kwargs, there)
    to_gpu = name == "cuda" or (is_gpu(device) if device is not None else there and name != "cpu")
    if "device" in kwargs:
        kwargs = kwargs | {"device": HOST}
    if name == "to":
        args = tuple(HOST if isinstance(a, (str, torch.device)) else a for a in args)
    with torch._C.DisableTorchFunctionSubclass():
        out = args[0] if name == "cuda" else f(*args, **kwargs)
        # other memory
        if name in ("to", "cpu", "cuda") and isinstance(tensors[0], Pretended) != to_gpu:
            out = plain(out).clone()
    if isinstance(out, Pretended):
        return out if to_gpu else plain(out)  # what was changed in place
    return tree_map(pretended, out) if to_gpu else out


def twin(x, memo):
    "A deep copy: a parameter stays one."
    with torch._C.DisableTorchFunctionSubclass():
        new = pretended(x.detach().clone(memory_format=torch.preserve_format))
    new = (
        torch.nn.Parameter(new, x.requires_grad)
        if isinstance(x, torch.nn.Parameter)
        else new.requires_grad_(x.requires_grad)
    )
    memo[id(x)] = new
    return new


class Everywhere(TorchFunctionMode):
    "Functions that make tensors are asked for a device; they have no tensor that could tell."

    def __torch_function__(self, f, types, args=(), kwargs=None):
        return carry_out(f, args, kwargs or {})


@contextmanager
def pretend_gpu():
    "Within, PyTorch says that there is a GPU, and tensors and modules can be moved to it."
    vmap, add, remove = (
        getattr(torch._functorch.vmap, name) for name in ("_flat_vmap", "_add_batch_dim", "_remove_batch_dim")
    )

    def flat_vmap(*args, **kwargs):
        if torch._C._functorch.maybe_current_level() is None:
            in_vmap["gpu"] = False
        return vmap(*args, **kwargs)

    def add_batch_dim(x, *how):
        in_vmap["gpu"] |= isinstance(x, Pretended)
        return add(plain(x), *how)

    def remove_batch_dim(x, *how):
        return pretended(remove(x, *how)) if in_vmap["gpu"] else remove(x, *how)

    cuda = dict(
        is_available=lambda: True,
        is_bf16_supported=lambda including_emulation=True: True,
        device_count=lambda: 1,
        get_device_name=lambda *a: "a GPU that is not there",
        get_rng_state=lambda *a: torch.zeros(1),
        set_rng_state=lambda *a: None,
        synchronize=lambda *a: None,
        current_device=lambda: 0,
    )
    # POT makes itself a generator on every device, once
    ot.backend.get_backend(torch.zeros(1))
    parse = torch._C._nn._parse_to

    # what `Module.to` makes of its arguments
    def parse_to(*args, **kwargs):
        device, *rest = parse(*args, **kwargs)
        return (GPU if any(isinstance(a, Pretended) for a in args) else device, *rest)

    with ExitStack() as stack:
        for name, f in cuda.items():
            stack.enter_context(patch.object(torch.cuda, name, f))
        for f in (flat_vmap, add_batch_dim, remove_batch_dim):
            stack.enter_context(patch.object(torch._functorch.vmap, f"_{f.__name__}", f))
        # other processes know nothing of all this
        stack.enter_context(joblib.parallel_config(backend="sequential"))
        stack.enter_context(patch.object(torch._C._nn, "_parse_to", parse_to))
        stack.enter_context(patch.object(Tensor, "pin_memory", lambda self, *a: self))
        stack.enter_context(Everywhere())
        yield
