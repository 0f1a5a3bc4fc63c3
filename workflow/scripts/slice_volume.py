"""Find the rock of a raw volume, stretch its grey levels and write it slice by slice."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.config import flags
from sandstone.config.validity import check_window
from sandstone.errors import InputError, note
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.imaging.field_of_view import FieldOfView
    from sandstone.sizes import VoxelSize
    from sandstone.volumes.volume import Volume


class Scan:
    """A volume seen through its field of view, one slice at a time.

    Attributes
    ----------
    extent : list of [start, stop]
        Bounding box of the rock along z, y and x, voxels of the raw volume.
    rock_share : float
        Share of the looked-at voxels that are rock.
    """

    def __init__(self, volume: "Volume", view: "FieldOfView") -> None:
        self._volume = volume
        self._view = view
        self.extent, self.rock_share = self._survey()

    def _read(self, z: int) -> "np.ndarray":
        """Return slice `z` within the field of view's box."""
        _, (y0, y1), (x0, x1) = self._view.box
        return self._volume.read_slice(z, slice(y0, y1), slice(x0, x1))

    def _survey(self) -> tuple[list[list[int]], float]:
        """Find where the rock is, and refuse a volume that has none."""
        import numpy as np

        from sandstone.progress import Progress

        (z0, z1), (y0, _), (x0, _) = self._view.box
        corners, voxels, before, repeated = [], 0, None, []
        progress = Progress("looking for rock", z1 - z0, "slices")
        for z in range(z0, z1):
            image = self._read(z)
            rock = self._view.rock(image)
            if rock.any() and before is not None and _repeats(image, before):
                repeated.append(z)
            before = image
            voxels += int(rock.sum())
            if rock.any():
                rows, columns = (np.flatnonzero(rock.any(axis=axis)) for axis in (1, 0))
                corners.append([z, rows[0], columns[0], z, rows[-1], columns[-1]])
            progress.add(1)
        if not corners:
            raise InputError(
                f"{self._volume.files[0]}: no rock found; give slices.field_of_view as full or "
                "as a box z0:z1,y0:y1,x0:x1"
            )
        if repeated:
            note(
                f"{self._volume.files[0]}: slice {repeated[0]} equals the one before it (such "
                f"slices: {len(repeated)}); is it there twice?"
            )
        within = np.array([0, y0, x0])
        first = np.min(corners, axis=0)[:3] + within
        last = np.max(corners, axis=0)[3:] + within
        extent = [[int(start), int(stop) + 1] for start, stop in zip(first, last, strict=True)]
        return extent, voxels / (rock.size * (z1 - z0))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Depth, height and width of the extent, voxels."""
        (z0, z1), (y0, y1), (x0, x1) = self.extent
        return z1 - z0, y1 - y0, x1 - x0

    def counted(self) -> "Iterator[np.ndarray]":
        """Yield the voxels that the window counts, slice by slice, shape (n,)."""
        (z0, z1), _, _ = self.extent
        for z in range(z0, z1):
            image = self._read(z)
            yield image[self._view.counted(image)]
        self._volume.check_unchanged()

    def slices(self) -> "Iterator[tuple[np.ndarray, np.ndarray]]":
        """Yield (image, rock) of each slice with rock, cropped to the extent, both (y, x).

        Raises
        ------
        InputError
            If the volume changed meanwhile.
        """
        _, (y0, _), (x0, _) = self._view.box
        (z0, z1), (top, bottom), (left, right) = self.extent
        inside = (slice(top - y0, bottom - y0), slice(left - x0, right - x0))
        for z in range(z0, z1):
            image = self._read(z)
            yield image[inside], self._view.rock(image)[inside]
        self._volume.check_unchanged()


def _repeats(image: "np.ndarray", before: "np.ndarray") -> bool:
    """Say whether a slice has every level of the one before; slices of one level all do."""
    import numpy as np

    return np.array_equal(image, before) and bool((image != image[0, 0]).any())


def write_outputs(
    args: argparse.Namespace, scan: Scan, window: Sequence[float], voxel_size_um: "VoxelSize"
) -> None:
    """Write the stretched slices and the rock mask."""
    import numpy as np

    from sandstone.dataset.slices import ROCK
    from sandstone.imaging.window import apply
    from sandstone.tiff_stack import write_stack

    low, high = window
    stretched = (apply(image, low, high, args.dtype) for image, _ in scan.slices())
    write_stack(
        args.slices, stretched, shape=scan.shape, dtype=args.dtype, voxel_size_um=voxel_size_um
    )
    masks = (rock.astype(np.uint8) * ROCK for _, rock in scan.slices())
    write_stack(
        args.mask,
        masks,
        shape=scan.shape,
        dtype=np.uint8,
        voxel_size_um=voxel_size_um,
        compression="zlib",
    )


def describe(
    args: argparse.Namespace,
    volume: "Volume",
    view: "FieldOfView",
    scan: Scan,
    window: Sequence[float],
) -> dict[str, Any]:
    """Return what maps the slices back to the raw volume: the JSON of docs/design.md."""
    from sandstone.files import sha256_of
    from sandstone.imaging import grey

    files = [{"name": file.name, "sha256": sha256_of(file)} for file in volume.files]
    volume.check_unchanged()  # the hashes are of what was read
    return {
        "sample": args.sample,
        "source": {
            "files": files,
            "shape": list(volume.shape),
            "dtype": volume.dtype.name,
            **({"axis": args.axis} if args.axis != "z" else {}),
        },
        "voxel_size_um": list(volume.voxel_size_um),
        "shape": list(scan.shape),
        "dtype": args.dtype,
        "origin": [start for start, _ in scan.extent],
        "window": {"low": window[0], "high": window[1], "percentiles": list(args.window)},
        "to_raw": "raw = low + grey / grey_max * (high - low)",
        "grey_max": grey.grey_max(args.dtype),
        "field_of_view": {
            "mode": view.mode,
            "box": scan.extent,
            "rock_share": round(scan.rock_share, 6),
        },
    }


def check_size(volume: "Volume") -> None:
    """Refuse a volume too small to hold anything worth looking at."""
    if min(volume.shape[1:]) < 8:
        raise InputError(
            f"{volume.files[0]}: slices of {volume.shape[1]} x {volume.shape[2]} voxels are "
            "smaller than any tile; check shape and axis order (z, y, x)"
        )


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--sample", required=True, help="name of the sample")
    flags.add(arguments)
    flags.add_axis(arguments)
    add("--field-of-view", default="auto", help="auto, full, or z0:z1,y0:y1,x0:x1 in voxels")
    add("--window", type=float, nargs=2, default=[0.1, 99.9], help="percentiles of the rock")
    add("--dtype", choices=["uint8", "uint16"], default="uint8", help="of the slices")
    add("--slices", type=cli.OutputPath, required=True, help="grey slices to write (.tif)")
    add("--mask", type=cli.OutputPath, required=True, help="rock mask to write (.tif)")
    add("--metadata", type=cli.OutputPath, required=True, help="description to write (.json)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Open the volume, find rock and window, write slices, mask and description."""
    args = parser().parse_args(argv)
    check_window("--window", args.window)

    from sandstone.files import write_json
    from sandstone.imaging import field_of_view, window

    with flags.open_named(args) as volume:
        check_size(volume)
        voxel_size_um = volume.voxel_size_um
        shown = " x ".join(map(str, volume.shape))
        print(f"{args.sample}: {shown} voxels of {volume.dtype}, {voxel_size_um} µm", flush=True)
        view = field_of_view.find(args.field_of_view, volume.shape, volume.read_slice)
        scan = Scan(volume, view)
        levels = window.find(
            scan.counted,
            volume.dtype,
            args.window,
            source=volume.files[0],
        )
        low, high = levels
        print(f"rock: {scan.rock_share:.1%} of the view; window {low:g} to {high:g}", flush=True)
        write_outputs(args, scan, levels, voxel_size_um)
        write_json(args.metadata, describe(args, volume, view, scan, levels))
    write_record(__file__, args, voxel_size_um=voxel_size_um, inputs=volume.files)


if __name__ == "__main__":
    sys.exit(cli.run(main))
