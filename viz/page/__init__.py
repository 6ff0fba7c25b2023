"""The interactive page: one HTML text that holds the graph, a layout, a drawing and its styles.

It asks for nothing: no library, no font, no request (its own Content-Security-Policy forbids
them), no storage, so that it works from a file, from a server and in a sandboxed frame alike.
`rows` are the graph, `assets` the scripts, the style sheet and the elements that are the same in
every page. These, and data that are long, are compressed: a browser undoes that by itself. Data
that are short can be read in the page's source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from html import escape

from ..drawing.boxes import Box
from ..graph.ir import Graph
from ..text import clean
from .assets import pack, packed
from .rows import encode

__all__ = ["embedded", "page"]

#: Data longer than this are compressed.
_LONG = 5_000


def page(
    graph: Graph,
    boxes: Sequence[Box],
    group_boxes: Sequence[Box],
    opened: Collection[int],
    title: str = "",
) -> str:
    """Write the page of ``graph``, whose boxes and closed groups are written in these boxes.

    ``opened`` are the groups that are open at first.
    """
    output = next((v for v in reversed(graph.vertices) if v.kind == "output"), None)
    name = (output.name or output.label) if output else "nothing"
    about = title or f"Flow graph of {name}"
    data = json.dumps(
        encode(graph, boxes, group_boxes, opened), ensure_ascii=False, separators=(",", ":")
    )
    long = len(data) > _LONG
    counts = f"{len(graph.vertices):,} boxes, {len(graph.steps):,} steps"
    return _PAGE.format(
        title=escape(clean(about)), counts=counts, assets=packed(),
        form="text/plain" if long else "application/json",
        data=pack(data, 6) if long else embedded(data),
    )  # fmt: skip


def embedded(text: str) -> str:
    r"""Escape JSON for a place inside ``<script>``, where no tag, comment or entity may begin.

    >>> embedded('["</script>", "a & b"]')
    '["\\u003c/script\\u003e", "a \\u0026 b"]'
    """
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<title>{title}</title></head><body>
<noscript>{title}: {counts}. This page draws with a script of its own, which is not allowed to \
run here; the same graph saved as .svg or .txt needs none.</noscript>
<script type="{form}" id="data">{data}</script>
<script>(async()=>{{if(!self.DecompressionStream||!CSS.supports("color","light-dark(red,red)"))\
return document.body.append("This browser is too old to draw the graph: it takes Chrome or Edge \
123, Firefox 120, Safari 17.5 or later. The same graph saved as .svg is drawn by any.");\
const unpack=text=>{{const n=text.length,b=new Uint8Array(n*4/5|0);\
for(let i=0,k=0;i<n;i+=5){{let v=0;for(let j=i;j<i+5;j++){{const c=j<n?text.charCodeAt(j):119;\
v=v*85+(c==120?38:c==121?60:c==122?92:c)-35}}for(let s=4;s--;)b[k++]=v/256**s&255}}\
return new Response(new Blob([b]).stream().pipeThrough(\
new DecompressionStream("deflate"))).text()}},data=document.getElementById("data"),\
add=(tag,text)=>{{const e=document.createElement(tag);e.textContent=text;document.head.append(e)}},\
[style,body,script]=(await unpack("{assets}")).split("\\0");\
if(data.type=="text/plain")data.textContent=await unpack(data.textContent);add("style",style);\
document.body.append(document.createRange().createContextualFragment(body));\
add("script",script)}})()</script>
</body></html>
"""
