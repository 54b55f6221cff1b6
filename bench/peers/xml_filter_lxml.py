"""The reference program: lxml's iterparse. Flights without a delay, which it does not know, are passed over."""

import sys

from lxml import etree


def parse_large_xml(file_path, outfile, threshold):
    for event, elem in etree.iterparse(file_path, events=("end",), tag="flight"):
        child = elem.find("dep_delay")
        if child is not None and int(child.text) > threshold:
            print(etree.tostring(elem, pretty_print=True).decode(), file=outfile)
        elem.clear()  # Clear the element to save memory


with open(sys.argv[2], "w") as outfile:
    parse_large_xml(sys.argv[1], outfile, 45)
