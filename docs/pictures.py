"""What a committed picture is, by its pixels: a drawing in lines on white, which the dark site can turn over, or a picture with grounds of its own."""

import base64
import io

from PIL import Image

# of a drawing in lines: how much is white at least, and how much nearly black at most
WHITE, BLACK = 0.74, 0.05


def is_drawing(png):
    "Whether a picture, in base64, is a drawing in lines on white: its colours can be turned over and say the same. Heat maps and images of digits can not."
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    lowest, highest = [0] * 256, [0] * 256
    for count, colour in picture.getcolors(picture.width * picture.height):
        lowest[min(colour)] += count
        highest[max(colour)] += count
    whole = picture.width * picture.height
    return sum(lowest[250:]) >= WHITE * whole and sum(highest[:110]) <= BLACK * whole


def classes(cell):
    "The classes of a cell's pictures: `drawing` if all of them are."
    pngs = [out["data"]["image/png"] for out in cell.outputs if "image/png" in out.get("data", {})]
    return {"classes": "drawing"} if pngs and all(map(is_drawing, pngs)) else {}
