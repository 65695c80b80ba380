"""What a committed picture is, by its pixels: a drawing in lines on white, which the dark site can turn over, or a picture with grounds of its own."""

import base64
import io

from PIL import Image

# pixels: a picture no wider fits a phone, if it shrinks a little; a wider one than the other was drawn for a sharp screen
FITS, SHARP = 430, 1010
# of a drawing in lines: how much is white at least, and how much nearly black at most
WHITE, BLACK = 0.74, 0.05


def opened(png):
    "The picture of a base64 text."
    return Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")


def is_drawing(picture):
    "Whether a picture is a drawing in lines on white: its colours can be turned over and say the same. Heat maps and images of digits can not."
    lowest, highest = [0] * 256, [0] * 256
    for count, colour in picture.getcolors(picture.width * picture.height):
        lowest[min(colour)] += count
        highest[max(colour)] += count
    whole = picture.width * picture.height
    return sum(lowest[250:]) >= WHITE * whole and sum(highest[:110]) <= BLACK * whole


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
