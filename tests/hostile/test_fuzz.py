"""Mutated files and configs: an answer or one sentence, and nothing else.

`make test` draws few examples, always the same; the soak tests draw many.
"""

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import yaml
from helpers import compound_file, dicom_slice, tile_pairs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandstone.config import checks as configuration
from sandstone.config import plain_yaml
from sandstone.dataset import pairs, slices
from sandstone.errors import InputError
from sandstone.metrics import tables
from sandstone.models import description
from sandstone.volumes.volume import RawLayout, open_volume

from .reading import check_sentence

VOXELS = np.random.default_rng(1).integers(0, 60000, (3, 8, 7)).astype(np.uint16)
FEW, MANY = 60, 3000
EVERY_TIME_THE_SAME = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}
few = settings(max_examples=FEW, **EVERY_TIME_THE_SAME)
many = settings(max_examples=MANY, **EVERY_TIME_THE_SAME)

WORDS = [
    b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4), b"\x00\x00\x00\x80", b"\x01\x00\x00\x00",
    b"\xff\xff", b"999999999", b"-1", b"nan", b"1e400", b"{}", b"[", b"\n", b"'",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "delete", "insert", "cut", "double", "word", "move"]),
        st.one_of(st.integers(0, 600), st.integers(0, 20_000)),
        st.integers(0, 20_000),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)
Edit = tuple[str, int, int, int]


def mutated(content: bytes, edits: list[Edit]) -> bytes:
    data = bytearray(content)
    for what, place, other, value in edits:
        at, source = place % (len(data) + 1), other % (len(data) + 1)
        if what == "cut":
            del data[at:]
        elif what == "delete":
            del data[at : at + 1 + value % 16]
        elif what == "insert":
            data[at:at] = bytes([value]) * (1 + other % 4)
        elif what == "double":
            data[at:at] = data[source : source + 4 + value]
        elif what == "move":
            data[at : at + 4] = data[source : source + 4]
        elif what == "word":
            word = WORDS[value % len(WORDS)]
            data[at : at + len(word)] = word
        elif at < len(data):
            data[at] = value if what == "set" else data[at] ^ (1 << value % 8)
    return bytes(data)


# --- volumes ------------------------------------------------------------------------------


def write_tiff(**options: Any) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, VOXELS, **options)


def write_metaimage(path: Path) -> None:
    header = (
        "NDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 7 8 3\n"
        "ElementSpacing = 0.002 0.002 0.002\nElementType = MET_USHORT\nElementDataFile = LOCAL\n"
    )
    path.write_bytes(header.encode() + VOXELS.tobytes())


def write_nrrd(encoding: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        import nrrd

        header = {"spacings": [2.0] * 3, "units": ["um"] * 3, "encoding": encoding}
        nrrd.write(str(path), VOXELS.transpose(2, 1, 0), header=header)

    return write


def write_hdf5(**options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset("v", data=VOXELS, **options).attrs["element_size_um"] = [2.0] * 3

    return write


def write_netcdf(path: Path) -> None:
    from scipy.io import netcdf_file

    with netcdf_file(path, "w") as file:
        for name, length in zip("zyx", VOXELS.shape, strict=True):
            file.createDimension(name, length)
        file.createVariable("tomo", "h", ("z", "y", "x"))[:] = VOXELS.view(np.int16)


def write_zarr(version: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        import zarr

        options = {"chunks": (1, 8, 7), "dtype": "uint16", "zarr_format": version}
        zarr.create_array(path, shape=VOXELS.shape, **options)[:] = VOXELS

    return write


def write_txm(path: Path) -> None:
    compound_file.write(path, compound_file.txm_streams(VOXELS))


def write_nifti(path: Path) -> None:
    import nibabel

    image = nibabel.Nifti1Image(VOXELS.T, np.diag([-0.002, -0.002, 0.002, 1]))
    image.header["scl_slope"] = 2
    nibabel.save(image, path)


def write_dicom(path: Path) -> None:
    dicom_slice.write(path, VOXELS[0], RescaleSlope=2, ImagePositionPatient=[0, 0, 1])


def write_amira(path: Path) -> None:
    header = (
        "# AmiraMesh BINARY-LITTLE-ENDIAN 2.1\ndefine Lattice 7 8 3\n"
        'Parameters {\n Units { Coordinates "mm" }\n BoundingBox 0 0.012 0 0.014 0 0.004,\n'
        ' CoordType "uniform"\n}\nLattice { ushort Data } @1\n@1\n'
    )
    path.write_bytes(header.encode() + VOXELS.tobytes())


PACKED = {"chunks": (1, 8, 7), "compression": "gzip", "shuffle": True, "fletcher32": True}
FORMATS: dict[str, Callable[[Path], None]] = {
    "plain.tif": write_tiff(photometric="minisblack"),
    "zlib.tif": write_tiff(photometric="minisblack", compression="zlib", predictor=True),
    "lzw.tif": write_tiff(photometric="minisblack", compression="lzw"),
    "big.tif": write_tiff(photometric="minisblack", bigtiff=True, compression="packbits"),
    "imagej.tif": write_tiff(imagej=True, metadata={"axes": "ZYX", "unit": "um", "spacing": 2}),
    "ome.ome.tif": write_tiff(ome=True, metadata={"axes": "ZYX"}),
    "plain.npy": lambda path: np.save(path, VOXELS),
    "plain.raw": lambda path: path.write_bytes(VOXELS.tobytes()),
    "plain.mha": write_metaimage,
    "plain.nrrd": write_nrrd("raw"),
    "gzip.nrrd": write_nrrd("gzip"),
    "plain.h5": write_hdf5(),
    "packed.h5": write_hdf5(**PACKED),
    "classic.nc": write_netcdf,
    "plain.nii": write_nifti,
    "packed.nii.gz": write_nifti,
    "plain.am": write_amira,
    "slice.dcm": write_dicom,
    "zeiss.txm": write_txm,
    "two.zarr": write_zarr(2),
    "three.zarr": write_zarr(3),
}


@pytest.fixture(scope="module")
def originals(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Path, dict[Path, bytes]]]:
    """Of each format a valid file, or a store, and the content of all its files."""
    found = {}
    for name, write in FORMATS.items():
        path = tmp_path_factory.mktemp("fuzz") / name
        write(path)
        files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
        found[name] = path, {file: file.read_bytes() for file in files}
    return found


def read_mutant(path: Path, contents: dict[Path, bytes], edits: list[Edit], which: int) -> None:
    victim = list(contents)[which % len(contents)]
    for file, content in contents.items():
        file.write_bytes(mutated(content, edits) if file == victim else content)
    before = sorted(path.parent.rglob("*"))
    raw = RawLayout(VOXELS.shape, "uint16") if path.suffix == ".raw" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with open_volume(path, voxel_size_um=2, raw=raw) as volume:
                last = volume.shape[0] - 1
                for z in (0, last // 2, last):
                    slab = volume.read(z, z + 1)
                    assert slab.shape == (1, *volume.shape[1:])
                    assert slab.dtype == volume.dtype
        except InputError as error:
            check_sentence(error)
    assert sorted(path.parent.rglob("*")) == before


def check_volumes(name: str, originals: Any, limits: settings) -> None:
    path, contents = originals[name]

    @limits
    @given(edits=EDITS, which=st.integers(0, 100))
    def check(edits: list[Edit], which: int) -> None:
        read_mutant(path, contents, edits, which)

    check()


@pytest.mark.parametrize("name", FORMATS)
def test_a_mutated_volume_is_read_or_refused(name: str, originals: Any) -> None:
    check_volumes(name, originals, few)


@pytest.mark.soak
@pytest.mark.parametrize("name", FORMATS)
def test_thousands_of_mutated_volumes_are_read_or_refused(name: str, originals: Any) -> None:
    check_volumes(name, originals, many)


# --- configs ------------------------------------------------------------------------------

CONFIG = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "config.yaml").read_text(encoding="utf-8")
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-5, 300),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["phantom", "srgan", "data/raw/x.tif", "a.raw", "1e-4", 10**30, "$(touch x)"]),
    st.dates(),
    st.binary(max_size=5),
)
KEYS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["path", "url", "sha256", "phantom", "seed", "pairs", "models", "samples"]),
    st.integers(-1, 3),
)
VALUES = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(KEYS, children, max_size=4),
    max_leaves=12,
)


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path of keys and indices in a config."""
    children: Any = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    return [above, *(place for key, child in children for place in places(child, (*above, key)))]


PLACES = [place for place in places(CONFIG) if place]


def validate(config: Any) -> None:
    try:
        configuration.validate(config)
    except InputError as error:
        check_sentence(error)


def check_mutated_configs(limits: settings) -> None:
    @limits
    @given(
        st.lists(st.tuples(st.sampled_from(PLACES), VALUES, st.booleans()), min_size=1, max_size=3)
    )
    def check(changes: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
        config = copy.deepcopy(CONFIG)
        for place, value, remove in changes:
            holder = config
            for key in place[:-1]:
                try:
                    holder = holder[key]
                except (KeyError, IndexError, TypeError):
                    break
            if not isinstance(holder, dict):
                continue
            holder[place[-1]] = value
            if remove:
                del holder[place[-1]]
        validate(config)

    check()


def check_any_configs(limits: settings) -> None:
    @limits
    @given(VALUES)
    def check(config: Any) -> None:
        validate(config)

    check()


def check_config_texts(folder: Path, limits: settings) -> None:
    text = yaml.safe_dump(CONFIG).encode()

    @limits
    @given(EDITS)
    def check(edits: list[Edit]) -> None:
        (folder / "config.yaml").write_bytes(mutated(text, edits))
        try:
            validate(plain_yaml.read(folder / "config.yaml"))
        except InputError as error:
            check_sentence(error)

    check()


def test_a_mutated_config_is_valid_or_refused() -> None:
    check_mutated_configs(few)


def test_any_config_is_valid_or_refused() -> None:
    check_any_configs(few)


def test_a_mutated_config_text_is_valid_or_refused(tmp_path: Path) -> None:
    check_config_texts(tmp_path, settings(few, max_examples=25))


@pytest.mark.soak
def test_thousands_of_configs_are_valid_or_refused(tmp_path: Path) -> None:
    check_mutated_configs(many)
    check_any_configs(many)
    check_config_texts(tmp_path, settings(many, max_examples=1000))


# --- intermediates --------------------------------------------------------------------------


def check_networks(limits: settings) -> None:
    keys = st.sampled_from(
        [
            "architecture",
            "scale",
            "blocks",
            "filters",
            "batch_norm",
            "bicubic_skip",
            "layers",
            "hr_size",
        ]
    )
    values = st.one_of(VALUES, st.sampled_from(["srresnet", "notebook", "patch", 4, 8, 32]))

    @limits
    @given(st.one_of(VALUES, st.dictionaries(keys, values)))
    def check(network: Any) -> None:
        try:
            assert description.rows(network) or not network
        except InputError as error:
            check_sentence(error)

    check()


def check_metadata(folder: Path, limits: settings) -> None:
    keys = st.sampled_from(slices.REQUIRED_KEYS)

    @limits
    @given(
        st.one_of(
            st.text(), st.dictionaries(keys, VALUES).map(lambda v: json.dumps(v, default=str))
        )
    )
    def check(text: str) -> None:
        (folder / "rock.json").write_text(text, encoding="utf-8", errors="replace")
        try:
            assert slices.read_metadata(folder / "rock.json")["sample"]
        except InputError as error:
            check_sentence(error)

    check()


def check_pairs(folder: Path, limits: settings) -> None:
    hr = dict.fromkeys(pairs.SPLITS, np.ones((2, 8, 8), np.uint8))
    path = tile_pairs.write(folder / "rock.h5", hr, scale=2)
    content = path.read_bytes()

    @limits
    @given(EDITS)
    def check(edits: list[Edit]) -> None:
        path.write_bytes(mutated(content, edits))
        try:
            with pairs.open_pairs(path) as opened:
                assert opened.split("test").hr[:].shape == (2, 8, 8)
        except (InputError, OSError) as error:
            check_sentence(error)

    check()


def check_tables(folder: Path, limits: settings) -> None:
    text = b"sample,method,tile,z,psnr_db\nrock,bicubic,0,5,31.5\nrock,bicubic,1,6,30.25\n"

    @limits
    @given(EDITS)
    def check(edits: list[Edit]) -> None:
        (folder / "table.csv").write_bytes(mutated(text, edits))
        try:
            table = tables.read(folder / "table.csv", ["sample", "method", "z", "psnr_db"])
        except InputError as error:
            check_sentence(error)
        else:
            assert np.isreal(table["z"] + table["psnr_db"]).all()

    check()


def test_intermediates_are_read_or_refused(tmp_path: Path) -> None:
    check_networks(few)
    check_metadata(tmp_path, few)
    check_pairs(tmp_path, few)
    check_tables(tmp_path, few)


@pytest.mark.soak
def test_thousands_of_intermediates_are_read_or_refused(tmp_path: Path) -> None:
    check_networks(many)
    check_metadata(tmp_path, many)
    check_pairs(tmp_path, many)
    check_tables(tmp_path, many)
