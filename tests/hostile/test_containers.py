"""HDF5, NetCDF and Zarr volumes that lie, lead elsewhere or fill the memory are refused."""

import json
import os
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.volumes.volume import open_volume

from .conftest import Limited
from .reading import VOXELS, Runs, read_all, refuse

# --- HDF5 ----------------------------------------------------------------------------------


def hdf5_links(file: h5py.File, secret: Path) -> None:
    file["rock"] = h5py.ExternalLink(str(secret), "v")
    file["soft"] = h5py.SoftLink("/rock")
    file["group/deep"] = h5py.ExternalLink(str(secret), "/")


def hdf5_external(file: h5py.File, secret: Path) -> None:
    file.create_dataset("rock", (2, 8, 8), "u2", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def hdf5_virtual(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((2, 8, 8), "u2")
    layout[:] = h5py.VirtualSource(str(secret), "v", (2, 8, 8))
    file.create_virtual_dataset("rock", layout)


def hdf5_huge(file: h5py.File, _: Path) -> None:
    file.create_dataset("rock", (2**20, 2**20, 2**20), "u2", chunks=(1, 64, 64))


def hdf5_huge_fill(file: h5py.File, _: Path) -> None:
    file.create_dataset("rock", (1, 2**20, 2**20), "u1", chunks=(1, 64, 64), fillvalue=7)


def hdf5_unwritten(file: h5py.File, _: Path) -> None:
    file.create_dataset("rock", (2**20, 2**20, 2**20), "u2")


def hdf5_huge_chunks(file: h5py.File, _: Path) -> None:
    rock = file.create_dataset(
        "rock", (1, 60000, 60000), "u1", chunks=(1, 60000, 60000), compression="gzip"
    )
    rock.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(1 << 22)))


def hdf5_unknown_filter(file: h5py.File, _: Path) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((1, 8, 8))
    properties.set_filter(305, h5py.h5z.FLAG_OPTIONAL, (1,))
    space = h5py.h5s.create_simple((2, 8, 8))
    h5py.h5d.create(file.id, b"rock", h5py.h5t.NATIVE_UINT16, space, properties)
    file["rock"].id.write_direct_chunk((0, 0, 0), bytes(128))


def hdf5_scale_offset(file: h5py.File, _: Path) -> None:
    file.create_dataset("rock", data=VOXELS.astype("i4"), chunks=(1, 8, 8), scaleoffset=0)


def hdf5_empty_chunk(file: h5py.File, _: Path) -> None:
    """A chunk of no bytes with a checksum of 4: HDF5 counts backwards and reads beyond the end."""
    rock = file.create_dataset("rock", (2, 8, 8), "u2", chunks=(1, 8, 8), fletcher32=True)
    rock.id.write_direct_chunk((0, 0, 0), b"abc")
    rock.id.write_direct_chunk((1, 0, 0), bytes(132))


def hdf5_long_chunk(file: h5py.File, _: Path) -> None:
    rock = file.create_dataset("rock", (2, 8, 8), "u2", chunks=(1, 8, 8), compression="gzip")
    rock.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(1 << 26)))


def hdf5_text(file: h5py.File, _: Path) -> None:
    file.create_dataset("rock", (2, 8, 8), h5py.string_dtype())


def hdf5_objects(file: h5py.File, _: Path) -> None:
    file.create_dataset("rock", (2, 8, 8), h5py.ref_dtype)


def hdf5_attribute(file: h5py.File, _: Path) -> None:
    file["rock"] = VOXELS
    file["rock"].attrs["element_size_um"] = ["$(touch hacked)", "a", "b"]


def hdf5_many_axes(file: h5py.File, _: Path) -> None:
    file.create_dataset("rock", (*([1] * 29), 2, 8, 8), "u2", chunks=(1,) * 32)
    file.create_dataset("other", (2,) * 32, "u2", chunks=(1,) * 32)


HDF5 = [
    hdf5_links, hdf5_external, hdf5_virtual, hdf5_huge, hdf5_huge_fill, hdf5_unwritten,
    hdf5_huge_chunks, hdf5_unknown_filter, hdf5_scale_offset, hdf5_empty_chunk, hdf5_long_chunk,
    hdf5_text, hdf5_objects, hdf5_many_axes,
]  # fmt: skip


def write_hdf5(make: Callable[[h5py.File, Path], None], path: Path) -> Path:
    other = path.with_name("secret.h5")
    with h5py.File(other, "w") as file:
        file["v"] = VOXELS
    with h5py.File(path, "w") as file:
        make(file, other)
    return path


@pytest.mark.parametrize("make", HDF5, ids=lambda make: make.__name__)
@pytest.mark.parametrize("suffix", [".h5", ".nc"])
def test_hostile_hdf5_is_refused(
    make: Callable[[h5py.File, Path], None], suffix: str, tmp_path: Path
) -> None:
    path = write_hdf5(make, tmp_path / f"rock{suffix}")
    refuse(path, "rock")


@pytest.mark.parametrize(
    "name", ["rock", "/rock", "soft", "group/deep/v", "../rock", "..", "/", "\0"]
)
def test_dataset_cannot_lead_out_of_hdf5(name: str, tmp_path: Path) -> None:
    refuse(write_hdf5(hdf5_links, tmp_path / "rock.h5"), "rock.h5: ", dataset=name)


def test_hostile_hdf5_takes_little_memory(tmp_path: Path, in_little_memory: Limited) -> None:
    files = [write_hdf5(make, tmp_path / f"{make.__name__}.h5") for make in HDF5]
    assert all(sentence.startswith("refused: ") for sentence in read_all(files, in_little_memory))


def test_a_voxel_size_that_is_a_command_counts_as_none(tmp_path: Path) -> None:
    path = write_hdf5(hdf5_attribute, tmp_path / "rock.h5")
    with open_volume(path, voxel_size_um=1) as volume:
        np.testing.assert_array_equal(volume.read(0, 2), VOXELS)
    with pytest.raises(InputError, match="neither the file nor the config"):
        open_volume(path)


def test_entities_of_an_xml_that_multiply_take_little_memory(
    tmp_path: Path, in_little_memory: Limited
) -> None:
    with h5py.File(tmp_path / "rock.h5", "w") as file:
        file["t00000/s00/0/cells"] = VOXELS
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    (tmp_path / "rock.xml").write_text(
        f'<!DOCTYPE s [<!ENTITY e0 "grow">{entities}]><SpimData>&e11;</SpimData>', encoding="utf-8"
    )
    assert read_all([tmp_path / "rock.h5"], in_little_memory) == [f"read {tmp_path / 'rock.h5'}"]


# --- Zarr ----------------------------------------------------------------------------------


def store(path: Path, version: int = 3, **metadata: Any) -> Path:
    """A store of one array whose metadata are then overwritten."""
    import zarr

    array = zarr.create_array(
        path, shape=(2, 8, 8), chunks=(1, 8, 8), dtype="uint16", zarr_format=version,
        compressors=None,
    )  # fmt: skip
    array[:] = VOXELS
    rewrite(path / ("zarr.json" if version == 3 else ".zarray"), **metadata)
    return path


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


def regular(*chunks: int) -> dict[str, Any]:
    return {"name": "regular", "configuration": {"chunk_shape": chunks}}


BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
STORES_3: dict[str, dict[str, Any]] = {
    "exabytes": {"shape": [2**40, 2**20, 2**20]},
    "huge slices": {"shape": [1, 2**20, 2**20]},
    "huge chunks": {"shape": [1, 50_000, 50_000], "chunk_grid": regular(1, 50_000, 50_000)},
    "chunks of nothing": {"chunk_grid": regular(0, 0, 0)},
    "negative": {"shape": [-2, -8, -8]},
    "words": {"shape": ["a", "b", "c"]},
    "pickle": {"codecs": [BYTES, {"name": "numcodecs.pickle"}]},
    "unknown codec": {"codecs": [BYTES, {"name": "rock"}]},
    "no codec": {"codecs": []},
    "codec by address": {"codecs": [BYTES, {"name": "https://example.org/codec"}]},
    "text": {"data_type": "string", "fill_value": ""},
    "no type": {"data_type": "object"},
    "other format": {"zarr_format": 4},
    "transformer": {"storage_transformers": [{"name": "x"}]},
    "wrong compressor": {"codecs": [BYTES, {"name": "zstd", "configuration": {"level": 3}}]},
    "wrong transposition": {
        "codecs": [{"name": "transpose", "configuration": {"order": [9, 9, 9]}}, BYTES]
    },
}  # fmt: skip
STORES_2: dict[str, dict[str, Any]] = {
    "pickle as filter": {"filters": [{"id": "pickle"}]},
    "pickle as compressor": {"compressor": {"id": "pickle"}},
    "pickled objects": {"dtype": "|O", "filters": [{"id": "pickle"}], "fill_value": None},
    "text of objects": {"dtype": "|O", "filters": [{"id": "json2"}], "fill_value": None},
    "records": {"dtype": [["a", "<u2"]], "fill_value": None},
    "expression as type": {"dtype": "__import__('os').system('touch hacked')"},
    "other type": {"filters": [{"id": "astype", "encode_dtype": "<f8", "decode_dtype": "<u2"}]},
    "exabytes": {"shape": [2**40, 2**20, 2**20]},
    "wrong compressor": {"compressor": {"id": "zlib", "level": 10**9}},
    "blosc": {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("version", "name"), [*((3, name) for name in STORES_3), *((2, name) for name in STORES_2)]
)
def test_hostile_zarr_is_refused(
    version: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    metadata = {3: STORES_3, 2: STORES_2}[version][name]
    path = store(tmp_path / "rock.zarr", version, **metadata)
    for chunk in (file for file in path.rglob("*") if file.is_file()):
        if chunk.suffix != ".json" and not chunk.name.startswith("."):
            chunk.write_bytes(pickle.dumps(Runs()))
    refuse(path, "rock.zarr")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("name", ["../secret", "/../secret", "a/../../secret", "..", "/"])
def test_zarr_cannot_lead_out_of_its_store(name: str, tmp_path: Path) -> None:
    import zarr

    store(tmp_path / "secret")
    group = zarr.open_group(tmp_path / "rock.zarr", mode="w", zarr_format=2)
    group.create_array("rock", data=VOXELS)
    path = tmp_path / "rock.zarr"
    refuse(path, "rock.zarr", dataset=name)
    (path / ".zattrs").write_text(
        json.dumps({"multiscales": [{"axes": [], "datasets": [{"path": name}]}]}), "utf-8"
    )
    refuse(path, "rock.zarr")


def test_links_and_pipes_in_a_store_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(128)))
    path = store(tmp_path / "rock.zarr")
    chunk = path / "c" / "0" / "0" / "0"
    chunk.unlink()
    chunk.symlink_to(secret)
    refuse(path, "a link out of its Zarr store")
    chunk.unlink()
    os.mkfifo(chunk)
    refuse(path, "neither file nor folder")


def test_a_bomb_in_a_store_is_refused_by_its_memory(
    tmp_path: Path, in_little_memory: Limited
) -> None:
    """A chunk that unpacks to 16 GB: whatever memory there is, its end is one sentence."""
    import imagecodecs

    frame = imagecodecs.zstd_encode(bytes(1 << 27), level=1)
    zstd = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
    path = store(tmp_path / "rock.zarr", codecs=[BYTES, zstd])
    (path / "c" / "0" / "0" / "0").write_bytes(frame * 128)
    done = in_little_memory(
        f"""
        from sandstone.volumes.volume import open_volume
        with open_volume({str(path)!r}, voxel_size_um=1) as volume:
            volume.read(0, 1)
        """
    )
    assert done.stderr.startswith("refused: "), done.stderr[-2000:]
