"""Python's expat with handlers as small as they can be; a kept flight is written from its members."""

import sys
from xml.parsers import expat
from xml.sax.saxutils import escape

source, target = sys.argv[1:]
members = []
text = ""
depth = 0  # a flight has a member of the same name, its number


def start(name, attributes):
    global depth, text
    text = ""
    depth += 1
    if depth == 2:
        members.clear()


def characters(data):
    global text
    text += data


def end(name):
    global depth
    depth -= 1
    if depth == 2:
        members.append((name, text))
    if depth != 1:
        return
    for member, value in members:
        if member == "dep_delay" and int(value) > 45:
            written = "".join(f"    <{member}>{escape(value)}</{member}>\n" for member, value in members)
            outfile.write(f"  <flight>\n{written}  </flight>\n")


with open(source, "rb") as infile, open(target, "w") as outfile:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    outfile.write("<flights>\n")
    parser.ParseFile(infile)
    outfile.write("</flights>\n")
