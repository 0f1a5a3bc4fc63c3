import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.volume_checks import VOXELS, assert_holds, cut, is_silent, refuse, voxel_size

SIZE = (4, 3, 2.5)
BOX = "0 12.5 10 28 -8 8"  # centres of the first and the last voxel along x, y, z
TYPES = {"u1": "byte", "i2": "short", "u2": "ushort", "i4": "int", "f4": "float", "f8": "double"}
PARAMETERS = f"""Parameters {{
    Units {{
        Coordinates "\N{MICRO SIGN}m"
    }}
    Content "6x7x5 ushort, uniform coordinates",
    BoundingBox {BOX},
    CoordType "uniform"
}}
"""


def write(
    path: Path,
    voxels: np.ndarray = VOXELS,
    *,
    first: str = "# AmiraMesh BINARY-LITTLE-ENDIAN 2.1",
    parameters: str = PARAMETERS,
    lattice: str | None = None,
    data: bytes | None = None,
    encoding: str = "utf-8",
) -> None:
    depth, height, width = voxels.shape
    kind = TYPES[voxels.dtype.newbyteorder("<").str[1:]]
    lattice = f"Lattice {{ {kind} Data }} @1" if lattice is None else lattice
    head = f"{first}\n\n\ndefine Lattice {width} {height} {depth}\n\n{parameters}\n{lattice}\n\n"
    content = head.encode(encoding) + b"# Data section follows\n@1\n"
    path.write_bytes(content + (voxels.tobytes() if data is None else data) + b"\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rock.am"


@pytest.mark.parametrize("dtype", TYPES)
def test_each_type_of_voxel(path: Path, dtype: str) -> None:
    voxels = VOXELS.astype(dtype)
    write(path, voxels)
    assert_holds(path, voxels, voxel_size_um=SIZE)


@pytest.mark.parametrize(
    ("first", "order"),
    [
        ("# AmiraMesh BINARY 2.0", ">"),
        ("# AmiraMesh 3D BINARY 2.0", ">"),
        ("# Avizo BINARY-LITTLE-ENDIAN 2.1", "<"),
    ],
)
def test_each_byte_order(path: Path, first: str, order: str) -> None:
    write(path, first=first, data=VOXELS.astype(f"{order}u2").tobytes())
    assert_holds(path, voxel_size_um=SIZE)


def test_voxels_packed_by_zlib(path: Path) -> None:
    packed = zlib.compress(VOXELS.tobytes())
    write(path, lattice=f"Lattice {{ ushort Data }} @1(HxZip,{len(packed)})", data=packed)
    assert_holds(path, voxel_size_um=SIZE)


def test_an_older_way_to_name_the_data(path: Path) -> None:
    write(path, lattice="Lattice { ushort Data } = @1")
    assert_holds(path, voxel_size_um=SIZE)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_bounding_box_tells_the_voxel_size(path: Path, encoding: str) -> None:
    write(path, encoding=encoding)
    assert voxel_size(path) == SIZE


def test_one_slice_tells_the_size_of_its_plane(path: Path) -> None:
    write(path, VOXELS[:1])
    assert voxel_size(path) == (3, 3, 2.5)


@pytest.mark.parametrize(
    "parameters",
    ["", PARAMETERS.replace("Coordinates", "Others"), PARAMETERS.replace('uniform"', 'stacked"')],
)
def test_a_size_without_a_unit_or_a_uniform_grid_is_silent(path: Path, parameters: str) -> None:
    write(path, parameters=parameters)
    assert is_silent(path)


def test_a_box_that_is_none_is_silent(path: Path) -> None:
    write(path, parameters=PARAMETERS.replace(BOX, "0 1 2"))
    assert is_silent(path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"first": "# AmiraMesh ASCII 2.0"}, "not one binary lattice of voxels"),
        ({"lattice": ""}, r"not one binary lattice of voxels \(0 named\); save one volume"),
        (
            {"lattice": "Lattice { byte Data } @1\nLattice { byte Labels } @2"},
            r"not one binary lattice of voxels \(2 named\)",
        ),
        ({"lattice": "Lattice { float[3] Data } @1"}, r"of type float\[3\] are not grey"),
        ({"lattice": "Lattice { complex Data } @1"}, "of type complex are not grey"),
        (
            {"lattice": "Lattice { byte Labels } @1(HxByteRLE,9)"},
            "are packed by HxByteRLE; save it without",
        ),
        (
            {"lattice": "Lattice { ushort Data } @2"},
            "its voxels follow other data; save the volume alone",
        ),
    ],
)
def test_what_is_no_plain_grey_lattice_is_refused(path: Path, changes: dict, sentence: str) -> None:
    write(path, **changes)
    refuse(path, sentence)


def test_a_file_cut_short_is_refused(path: Path) -> None:
    write(path)
    cut(path, 0.9)
    refuse(path, "shape and dtype need .* copy the whole file again")


@pytest.mark.parametrize("content", [b"", b"# AmiraMesh BINARY-LITTLE-ENDIAN 2.1\n", bytes(1000)])
def test_something_else_of_that_name_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refuse(path, "not one binary lattice of voxels")
