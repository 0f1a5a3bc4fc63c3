import csv
import errno
import json
import os

import ngff_zarr
import numpy as np
import pytest
import tifffile
import zarr
from helpers import small_upscaling

import upscale_tiff
from sandstone.errors import InputError
from sandstone.metrics import jitter
from sandstone.volumes.volume import open_volume

SHAPE = (9, 40, 50)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which a volume is upscaled, and the markers of its slabs."""
    folder = tmp_path_factory.mktemp("made")
    small_upscaling.save_model(folder / "model")
    volume = small_upscaling.save_volume(folder / "rock.npy", small_upscaling.rock(SHAPE))
    small_upscaling.prepare(folder, volume)
    markers = [small_upscaling.upscale(folder, volume, slab=slab, slabs=2) for slab in range(2)]
    small_upscaling.join(folder, volume, *markers)
    return folder, volume, markers


def test_what_is_left_of_earlier_runs_goes_and_nothing_else(made):
    folder, volume, markers = made
    earlier = folder / "store/earlier/0/c/0"
    earlier.mkdir(parents=True)
    foreign = folder / "store/.DS_Store"
    foreign.write_bytes(b"of a file manager")
    own = markers[1].with_suffix(".provenance.json")
    foreign_record = folder / "slabs/other.provenance.json"
    for record in (own, foreign_record, folder / "slabs/2.provenance.json"):
        record.write_text("{}", encoding="utf-8")
    small_upscaling.join(folder, volume, *markers)
    foreign.unlink()  # it was left alone
    assert not (folder / "store/earlier").exists()
    assert set((folder / "slabs").glob("*.provenance.json")) == {own, foreign_record}


def table(folder):
    with (folder / "z_consistency.csv").open(encoding="utf-8") as stream:
        return {(row["source"], row["band"]): row for row in csv.DictReader(stream)}


def test_the_image_opens_with_its_voxel_size(made):
    image = made[0] / "rock.ome.zarr"
    with open_volume(image) as volume:
        assert volume.shape == (9, 80, 100)
        assert volume.voxel_size_um == (6.0, 3.0, 3.0)
        assert volume.dtype == np.uint16
    multiscales = ngff_zarr.from_ngff_zarr(image, validate=True)
    assert multiscales.images[0].scale == {"z": 6.0, "y": 3.0, "x": 3.0}


def test_the_table_compares_with_the_input(made):
    rows = table(made[0])
    assert set(rows) == {("input", "resolved"), ("upscaled", "resolved"), ("upscaled", "detail")}
    for row in rows.values():
        assert float(row["ratio"]) == pytest.approx(
            float(row["z_difference"]) / float(row["plane_difference"]), rel=1e-4
        )
        assert float(row["distance_um"]) == 6


def test_tiff_holds_the_same_voxels(made):
    folder = made[0]
    output = folder / "rock.ome.tif"
    upscale_tiff.main(["--zarr", str(folder / "rock.ome.zarr"), "--output", str(output)])
    with tifffile.TiffFile(output) as tiff:
        assert tiff.is_bigtiff
        assert tiff.is_ome
        assert 'Name="rock"' in tiff.ome_metadata
        assert len(tiff.pages) == 9
    with open_volume(output) as one, open_volume(folder / "rock.ome.zarr") as other:
        assert one.voxel_size_um == other.voxel_size_um
        np.testing.assert_array_equal(one.read(0, 9), other.read(0, 9))
        np.testing.assert_array_equal(tifffile.imread(output), one.read(0, 9))


def test_tiff_is_the_same_in_bands_of_any_height(made, tmp_path, monkeypatch):
    image = str(made[0] / "rock.ome.zarr")
    upscale_tiff.main(["--zarr", image, "--output", str(tmp_path / "a.ome.tif")])
    monkeypatch.setattr(upscale_tiff, "BYTES_AT_ONCE", 1)
    upscale_tiff.main(["--zarr", image, "--output", str(tmp_path / "b.ome.tif")])
    assert (tmp_path / "a.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()


def test_chunks_of_an_earlier_layout_are_removed(made):
    folder, volume, markers = made
    old = folder / "store" / ("0" * 64)
    (old / "0").mkdir(parents=True)
    small_upscaling.join(folder, volume, *markers)
    assert not old.exists()
    assert len(list((folder / "store").iterdir())) == 1


def test_a_missing_block_is_told_and_the_image_stays(made):
    folder, volume, markers = made
    before = (folder / "rock.ome.zarr/zarr.json").read_bytes()
    file = small_upscaling.chunks(folder / "store")[0]
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(InputError, match="1 of 12 blocks are missing; compute the slabs again"):
        small_upscaling.join(folder, volume, *markers)
    file.write_bytes(content)
    assert (folder / "rock.ome.zarr/zarr.json").read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[: len(content) // 2], lambda content: content[:-9] + b"x" * 9],
)
def test_damaged_blocks_alone_are_computed_again(made, damage, capsys):
    folder, volume, markers = made
    file = small_upscaling.chunks(folder / "store")[-1]
    content = file.read_bytes()
    file.write_bytes(damage(content))
    with pytest.raises(InputError, match="1 of 12 blocks were damaged and are removed; run again"):
        small_upscaling.join(folder, volume, *markers)
    with pytest.raises(InputError, match=r"1 of 12 blocks are missing; .* --forcerun upscale_slab"):
        small_upscaling.join(folder, volume, *markers)  # as Snakemake's retry does
    assert (folder / "rock.ome.zarr/zarr.json").exists(), "the image of an earlier run stays"
    small_upscaling.upscale(folder, volume, slab=1, slabs=2)
    assert "6 blocks, of which 5 are there already" in capsys.readouterr().out
    assert file.read_bytes() == content
    small_upscaling.join(folder, volume, *markers)


def test_the_description_of_the_image_knows_the_voxels(made):
    folder, _, markers = made
    image = json.loads((folder / "rock.ome.zarr/zarr.json").read_text(encoding="utf-8"))
    marker = json.loads(markers[0].read_text(encoding="utf-8"))
    assert image["attributes"]["sandstone-srgan"] == {"fingerprint": marker["fingerprint"]}


@pytest.mark.parametrize("content", ["", "{", "{}"])
def test_a_damaged_description_of_the_chunks_is_written_again(made, content):
    folder, volume, markers = made
    (description,) = (folder / "store").glob("*/0/zarr.json")
    before = description.read_bytes()
    description.unlink()  # the image holds a link to it
    description.write_text(content, encoding="utf-8")
    small_upscaling.join(folder, volume, *markers)
    assert description.read_bytes() == before


def test_a_type_that_tiff_lacks_is_refused(tmp_path):
    image = zarr.open_group(tmp_path / "image.zarr", mode="w")
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    scale = {"type": "scale", "scale": [1.0, 1.0, 1.0]}
    level = {"path": "0", "coordinateTransformations": [scale]}
    image.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}
    image.create_array("0", data=np.ones((3, 20, 20), np.int64))
    output = tmp_path / "rock.ome.tif"
    with pytest.raises(InputError, match="OME-TIFF has no voxels of type int64"):
        upscale_tiff.main(["--zarr", str(tmp_path / "image.zarr"), "--output", str(output)])
    assert not output.exists()


def test_a_failing_disk_removes_nothing(made, monkeypatch):
    folder, volume, markers = made
    before = small_upscaling.chunks(folder / "store")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(zarr.Array, "__getitem__", fail)
    with pytest.raises(OSError, match="Input/output"):
        small_upscaling.join(folder, volume, *markers)
    assert small_upscaling.chunks(folder / "store") == before
    assert all(marker.exists() for marker in markers)


def test_an_input_that_changes_during_the_join_is_told(made, monkeypatch):
    folder, volume, markers = made
    read = jitter.measure

    def touching(*args, **options):
        os.utime(volume, (1e9, 1e9))
        return read(*args, **options)

    monkeypatch.setattr(jitter, "measure", touching)
    with pytest.raises(InputError, match=r"rock\.npy: changed while it was read"):
        small_upscaling.join(folder, volume, *markers)


def test_a_missing_slab_is_told(made):
    folder, volume, markers = made
    with pytest.raises(InputError, match="0 of 12 blocks are missing"):
        small_upscaling.join(folder, volume, markers[0])


def test_slabs_of_two_environments_are_refused(made, tmp_path):
    folder, volume, markers = made
    other = tmp_path / "1.json"
    content = json.loads(markers[1].read_text(encoding="utf-8"))
    other.write_text(json.dumps({**content, "fingerprint": "0" * 64}), encoding="utf-8")
    with pytest.raises(InputError, match="different code, libraries or threads"):
        small_upscaling.join(folder, volume, markers[0], other)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fingerprint": "../../.."}, r"0\.json: fingerprint is '\.\./.*; run again"),
        ({"fingerprint": None}, "fingerprint is None; run again"),
        ({"blocks": [0, 10**12]}, "blocks is .*; run again"),
        ({"blocks": [-1, 6]}, "blocks is .*; run again"),
        ({"blocks": [6, 0]}, "blocks is .*; run again"),
        ({"blocks": "06"}, "blocks is .*; run again"),
    ],
)
def test_a_forged_marker_is_refused_and_removes_nothing(made, tmp_path, change, expected):
    folder, volume, markers = made
    content = json.loads(markers[0].read_text(encoding="utf-8"))
    forged = tmp_path / "0.json"
    forged.write_text(json.dumps({**content, **change}), encoding="utf-8")
    before = small_upscaling.chunks(folder / "store")
    with pytest.raises(InputError, match=expected):
        small_upscaling.join(folder, volume, forged, markers[1])
    assert small_upscaling.chunks(folder / "store") == before


def test_a_missing_or_empty_marker_is_refused(made, tmp_path):
    folder, volume, _ = made
    with pytest.raises(InputError, match=r"0\.json does not exist"):
        small_upscaling.join(folder, volume, tmp_path / "0.json")
    (tmp_path / "0.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"0\.json lacks fingerprint; run again"):
        small_upscaling.join(folder, volume, tmp_path / "0.json")


@pytest.fixture
def fine(tmp_path):
    """A volume of 3 µm voxels, as fine as the upscaled one."""
    return small_upscaling.save_volume(tmp_path / "hr.npy", small_upscaling.rock((18, 80, 100)))


def test_a_true_fine_volume_is_measured_over_the_same_distances(made, fine):
    folder, volume, markers = made
    small_upscaling.join(folder, volume, *markers, hr=fine, hr_voxel_size_um=3.0)
    rows = table(folder)
    hr = np.load(fine)[::2].astype(float)  # slices of 3 µm, compared over 6
    cells = hr.reshape(9, 40, 2, 50, 2).mean(axis=(2, 4))
    expected = np.abs(np.diff(cells, axis=0)).mean()
    assert float(rows["hr", "resolved"]["z_difference"]) == pytest.approx(expected, rel=1e-4)
    assert rows["hr", "detail"]["distance_um"] == rows["upscaled", "detail"]["distance_um"]


def test_a_fine_volume_of_other_voxels_is_refused(made, fine):
    folder, volume, markers = made
    with pytest.raises(InputError, match=r"its voxels are 2 x 2 x 2 µm.*6 x 3 x 3"):
        small_upscaling.join(folder, volume, *markers, hr=fine, hr_voxel_size_um=2.0)


def test_all_axes_are_upscaled_alike(tmp_path):
    small_upscaling.save_model(tmp_path / "model")
    volume = small_upscaling.save_volume(tmp_path / "rock.npy", small_upscaling.rock((9, 20, 30)))
    small_upscaling.prepare(tmp_path, volume, axes="mean")
    marker = small_upscaling.upscale(tmp_path, volume)
    image = small_upscaling.join(tmp_path, volume, marker)
    with open_volume(image) as upscaled:
        assert upscaled.shape == (18, 40, 60)
        assert upscaled.voxel_size_um == (3.0, 3.0, 3.0)
    rows = table(tmp_path)
    assert float(rows["upscaled", "detail"]["distance_um"]) == 3
    assert float(rows["upscaled", "resolved"]["distance_um"]) == 6
