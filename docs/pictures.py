"""What a committed picture is, by its pixels: a drawing in lines on white, which the dark site can turn over, or a picture with grounds of its own."""

import base64
import io
from typing import NamedTuple

from PIL import Image

# pixels: a picture no wider fits a phone, if it shrinks a little; a wider one than the other was drawn for a sharp screen
FITS, SHARP = 430, 1010
# of a drawing in thin lines: how much is white at least. Of one with areas (bars, histograms): how much is white at least, and how much of the
# colours its four most frequent ones hold. Of both: how much is nearly black at most. Each lies in a gap of the notebooks' pictures (tests/test_still.py)
LINES, AREAS, FLAT, BLACK = 0.82, 0.54, 0.58, 0.048


class Shares(NamedTuple):
    "What a picture consists of."

    white: float  # of all pixels
    black: float  # of all pixels, nearly
    flat: float  # of the pixels of other colours: those of the four most frequent ones


def opened(png):
    "The picture of a base64 text."
    return Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")


def shares(picture):
    "How much of a picture is white, nearly black, and of few colours."
    white, black, coloured = 0, 0, []
    for count, colour in picture.getcolors(picture.width * picture.height):
        if min(colour) >= 250:
            white += count
        elif max(colour) < 110:
            black += count
        else:
            coloured.append(count)
    whole = picture.width * picture.height
    return Shares(white / whole, black / whole, sum(sorted(coloured)[-4:]) / max(sum(coloured), 1))


def is_drawing(picture):
    "Whether a picture is a drawing on white: its colours can be turned over and say the same. Heat maps and images of digits can not."
    found = shares(picture)
    thin, plain = found.white >= LINES, found.white >= AREAS and found.flat >= FLAT
    return (thin or plain) and found.black <= BLACK


def classes(cell):
    "The classes that all pictures of a cell have: `drawing`, and `small` or `sharp` by their width."
    found = [opened(out["data"]["image/png"]) for out in cell.outputs if "image/png" in out.get("data", {})]
    kinds = {
        "drawing": is_drawing,
        "small": lambda picture: picture.width <= FITS,
        "sharp": lambda picture: picture.width > SHARP,
    }
    words = [word for word, is_one in kinds.items() if found and all(map(is_one, found))]
    return {"classes": " ".join(words)} if words else {}
