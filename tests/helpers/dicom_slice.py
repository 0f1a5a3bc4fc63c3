"""Write a slice of a CT scan in DICOM."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

PLAIN = ExplicitVRLittleEndian


def write(path: Path, pixels: np.ndarray, syntax: str = PLAIN, **values: object) -> None:
    """Write `pixels` (y, x); `values` are other elements of the header, None to leave one out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    header = Dataset()
    header.file_meta = meta
    header.SOPClassUID, header.SOPInstanceUID = CTImageStorage, "1.2.3.4"
    own = {
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8 * pixels.itemsize,
        "BitsStored": 8 * pixels.itemsize,
        "HighBit": 8 * pixels.itemsize - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "SeriesInstanceUID": "1.2.3",
        "PixelSpacing": [0.003, 0.0025],
    }
    for name, value in (own | values).items():
        if value is not None:
            setattr(header, name, value)
    order = "<" if syntax in (PLAIN, ImplicitVRLittleEndian) else ">"
    header.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    header["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    header.save_as(
        path,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=order == "<",
        enforce_file_format=True,
    )
