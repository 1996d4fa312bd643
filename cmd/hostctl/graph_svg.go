package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Sizes of the picture, in pixels.
const (
	boxHeight   = 24
	letterWidth = 7.3 // of 12 pixels of any monospace font, at most
	layerGap    = 90
	margin      = 24
	legendLine  = 18
)

// The colours of boxes, by kind, and of edges, by attribute. All are told apart from each other and from
// white by those who do not see red and green, too (the first four are of Okabe and Ito).
var (
	boxColors  = []string{"#fdf1d6", "#dcebf7", "#d5efe6", "#f7e1ee", "#e8e8f6", "#f9e3d3", "#eeeeee"}
	edgeColors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f6a00", "#5e3c99", "#555555"}
)

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// xmlText is text of XML, in which control characters cannot stand at all.
func xmlText(s string) string { return xmlEscapes.Replace(oneLine(s)) }

// svg draws the graph: the first wave on the left, what needs it to its right.
func (g *graph) svg(w io.Writer) error {
	d := layOut(g)
	left := make([]float64, len(d.layers)+1) // of each layer
	wide := make([]float64, len(d.layers))
	left[0] = margin
	for i, layer := range d.layers {
		for _, p := range layer {
			if n := d.points[p].node; n >= 0 {
				wide[i] = max(wide[i], boxWidth(g.Nodes[n]))
			}
		}
		left[i+1] = left[i] + wide[i] + layerGap
	}
	height := 0.0
	for _, p := range d.points {
		height = max(height, p.y+p.height/2)
	}
	kinds, families := g.legend()
	width := max(left[len(d.layers)]-layerGap, margin+300) + margin
	height += margin
	total := height + float64(1+max(len(kinds), len(families)))*legendLine + margin

	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" font-family=\"monospace\" font-size=\"12\">\n", width, total, width, total)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", xmlText(g.Name))
	for i := range families {
		fmt.Fprintf(&b, "<marker id=\"a%d\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"%s\"/></marker>\n", i, edgeColor(i))
	}
	for i, e := range g.Edges {
		color := slices.Index(families, e.family())
		fmt.Fprintf(&b, "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-opacity=\"0.75\" marker-end=\"url(#a%d)\"><title>%s: %s -&gt; %s</title></path>\n",
			d.path(g, d.ways[i], left, wide), edgeColor(color), color,
			xmlText(strings.Join(e.Attributes, ", ")), xmlText(e.From.String()), xmlText(e.To.String()))
	}
	for _, p := range d.points {
		if p.node < 0 {
			continue
		}
		n := g.Nodes[p.node]
		x, y := left[p.layer], p.y+margin
		fmt.Fprintf(&b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"4\" fill=\"%s\" stroke=\"#444444\"/>\n",
			x, y-boxHeight/2, boxWidth(n), boxHeight, boxColors[slices.Index(kinds, n.Kind)%len(boxColors)])
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x+8, y+4, xmlText(n.Address.String()))
	}
	for i, kind := range kinds {
		y := height + float64(i+1)*legendLine
		fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%.1f\" width=\"20\" height=\"12\" rx=\"2\" fill=\"%s\" stroke=\"#444444\"/><text x=\"%d\" y=\"%.1f\">%s</text>\n",
			margin, y, boxColors[i%len(boxColors)], margin+28, y+10, xmlText(kind))
	}
	for i, family := range families {
		y := height + float64(i+1)*legendLine + 6
		fmt.Fprintf(&b, "<path d=\"M%d %.1fh20\" stroke=\"%s\" marker-end=\"url(#a%d)\"/><text x=\"%d\" y=\"%.1f\">%s</text>\n",
			margin+160, y, edgeColor(i), i, margin+188, y+4, xmlText(family))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func boxWidth(n graphNode) float64 { return float64(columns(n.Address.String()))*letterWidth + 16 }

func edgeColor(i int) string { return edgeColors[i%len(edgeColors)] }

// legend lists the kinds and the families of edges that the picture has, sorted.
func (g *graph) legend() (kinds, families []string) {
	for _, n := range g.Nodes {
		kinds = append(kinds, n.Kind)
	}
	for _, e := range g.Edges {
		families = append(families, e.family())
	}
	slices.Sort(kinds)
	slices.Sort(families)
	return slices.Compact(kinds), slices.Compact(families)
}

// path is the line of an edge: from the left of its box, straight across the layers that it
// passes and curved between them, to the right of the other box.
func (d *drawing) path(g *graph, way []int, left, wide []float64) string {
	var b strings.Builder
	from := d.points[way[0]]
	x, y := left[from.layer], from.y+margin
	fmt.Fprintf(&b, "M%.1f %.1f", x, y)
	for i, at := range way[1:] {
		p := d.points[at]
		toX, toY := left[p.layer]+wide[p.layer], p.y+margin
		if i == len(way)-2 {
			toX = left[p.layer] + boxWidth(g.Nodes[p.node])
		}
		bend := max((x-toX)/2, layerGap/3)
		fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", x-bend, y, toX+bend, toY, toX, toY)
		if p.node < 0 {
			fmt.Fprintf(&b, "H%.1f", left[p.layer])
		}
		x, y = left[p.layer], toY
	}
	return b.String()
}
