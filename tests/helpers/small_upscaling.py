"""A network of random weights in a folder of its own, and volumes to upscale with it."""

from pathlib import Path

import numpy as np
import pytest

SCALE = 2
VOXEL_UM = 6.0


def save_model(folder: Path, *, scale: int = SCALE, seed: int = 0, **options: object) -> Path:
    """Write a generator whose output depends on all of its receptive field."""
    from sandstone.models import networks
    from sandstone.models.options import generator_config
    from sandstone.models.weights import save_network_json

    config = generator_config(**{"scale": scale, "blocks": 1, "filters": 4, **options})
    model = networks.build_generator(**config)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.15, weight.shape) for weight in model.get_weights()])
    folder.mkdir(parents=True, exist_ok=True)
    save_network_json(folder / "generator.json", config)
    model.save_weights(folder / "generator.weights.h5")
    return folder


def rock(shape, dtype="uint16", seed=1):
    """Return a grainy volume that uses most of its type's range."""
    rng = np.random.default_rng(seed)
    coarse = rng.random([-(-length // 3) for length in shape])
    grains = np.repeat(np.repeat(np.repeat(coarse, 3, 0), 3, 1), 3, 2)
    grains = grains[tuple(slice(length) for length in shape)] + rng.normal(0, 0.05, shape)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return (grains * 3 - 1).astype(dtype)
    limits = np.iinfo(dtype)
    span = float(limits.max) - float(limits.min)
    return np.clip(limits.min + grains * span, limits.min, limits.max).astype(dtype)


def save_volume(path: Path, voxels: np.ndarray) -> Path:
    """Write a volume without voxel size."""
    np.save(path, voxels)
    return path


def prepare(folder: Path, volume: Path, **flags: object) -> Path:
    """Run prepare_upscale.py on a volume, with the model in `folder`/model."""
    import prepare_upscale

    chosen = {
        "name": "rock",
        "volume": volume,
        "voxel-size-um": VOXEL_UM,
        "model": "tiny",
        "model-dir": folder / "model",
        "layout": folder / "layout.json",
        "field-of-view": "full",
        "tile": 16,
        **{key.replace("_", "-"): value for key, value in flags.items()},
    }
    prepare_upscale.main(words(chosen))
    return Path(str(chosen["layout"]))


def upscale(folder: Path, volume: Path, *, slab: int = 0, slabs: int = 1, **flags: object) -> Path:
    """Run upscale_slab.py for one slab."""
    import upscale_slab
    from sandstone.models import backend

    marker = folder / f"slabs/{slab}.json"
    with pytest.MonkeyPatch.context() as patch:
        # TensorFlow has started already, and in fixtures of modules nobody else says so.
        patch.setattr(backend, "start", lambda **_: None)
        chosen = {key.replace("_", "-"): value for key, value in flags.items()}
        upscale_slab.main(words(slab_flags(folder, volume, slab=slab, slabs=slabs) | chosen))
    return marker


def slab_flags(folder: Path, volume: Path, *, slab: int = 0, slabs: int = 1) -> dict[str, object]:
    """Return the flags of upscale_slab.py."""
    return {
        "volume": volume,
        "voxel-size-um": VOXEL_UM,
        "layout": folder / "layout.json",
        "model-dir": folder / "model",
        "slab": slab,
        "slabs": slabs,
        "store": folder / "store",
        "output": folder / f"slabs/{slab}.json",
    }


def join(folder: Path, volume: Path, *markers: Path, **flags: object) -> Path:
    """Run upscale_volume.py and return the folder of the image."""
    import upscale_volume

    image = folder / "rock.ome.zarr"
    chosen = {
        "volume": volume,
        "voxel-size-um": VOXEL_UM,
        "layout": folder / "layout.json",
        "slabs": list(markers),
        "store": folder / "store",
        "zarr": image,
        "table": folder / "z_consistency.csv",
        **{key.replace("_", "-"): value for key, value in flags.items()},
    }
    upscale_volume.main(words(chosen))
    return image


def words(flags: dict[str, object]) -> list[str]:
    """Return a command line."""
    line: list[str] = []
    for name, value in flags.items():
        several = value if isinstance(value, list | tuple) else [value]
        line += [f"--{name}", *map(str, several)]
    return line


def chunks(store: Path) -> list[Path]:
    """Return the chunk files of a store, in order."""
    return sorted(file for file in store.rglob("*") if file.is_file() and "c" in file.parts)
