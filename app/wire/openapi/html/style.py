"""How the page looks, light or dark as its reader's system is; nothing is loaded for it."""

from typing import Final

CSS: Final = """
:root{color-scheme:light dark;--edge:#8884;--soft:#8881;--dim:#777;--link:#0b62c4;--good:#187a3c;
--post:#9a5b00;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--dim:#a0a0a0;--link:#7db7ff;--good:#69d08e;--post:#f0b45a;
--bad:#ff8a80}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0;font:16px/1.5 system-ui,sans-serif;display:grid;
grid-template-columns:minmax(15rem,20rem) minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;
border-right:1px solid var(--edge);font-size:.85rem}
nav ul{list-style:none;margin:0 0 .8rem;padding:0}
nav li{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
nav h2{font-size:.85rem;margin:.8rem 0 .2rem;border:0;padding:0}
main{padding:1.5rem 2rem;max-width:64rem}
a{color:var(--link);text-decoration:none}a:hover,a:focus{text-decoration:underline}
h1{margin-top:0}h2{margin-top:3rem;border-bottom:1px solid var(--edge);padding-bottom:.3rem}
h3{margin:2.2rem 0 .2rem;overflow-wrap:anywhere}h4{margin:1rem 0 .2rem;font-size:.95rem}
code,pre{font:.86em/1.45 ui-monospace,Menlo,Consolas,monospace}
code{background:var(--soft);padding:.1em .25em;border-radius:.2em}
pre{background:var(--soft);padding:.7rem;border-radius:.4rem;overflow:auto;margin:.4rem 0}
pre code{background:none;padding:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;
border-top:1px solid var(--edge)}
th{color:var(--dim);font-weight:600;border-top:0}
td:first-child{white-space:nowrap}
.method{display:inline-block;min-width:3.6em;font:700 .8em ui-monospace,Menlo,monospace;
color:var(--good)}
.post{color:var(--post)}.delete{color:var(--bad)}
.dim{color:var(--dim)}
summary{cursor:pointer;color:var(--link)}
@media(max-width:50rem){body{display:block}nav{position:static;height:auto;border-right:0;
border-bottom:1px solid var(--edge)}main{padding:1rem}}
@media print{nav{display:none}body{display:block}}
"""
