package main

import (
	"cmp"
	"slices"
)

// A layered drawing after Sugiyama, Tagawa and Toda: each wave is a layer; an edge
// over several layers goes by a point in each between, which edges to one target share; the order
// within the layers is improved until few edges cross; then each point moves as near to its neighbours as its
// order allows.

// point is a node's box, or a place where an edge passes a layer.
type point struct {
	node   int // in graph.Nodes; -1 for a place that is passed
	layer  int
	height float64 // with the room around it
	y      float64 // of its middle
}

// drawing is a graph laid out.
type drawing struct {
	points []point
	layers [][]int // of points, from the top
	// next are the points of the layer before that a point is joined to, back the other way.
	next, back [][]int
	// ways are, for each edge of the graph, the points that it goes by, both ends included.
	ways [][]int
}

// The room that a box and a passing edge take in their layer.
const (
	boxRoom  = 36
	passRoom = 12
)

// sweeps is how often the order of the layers is gone through; it settles in fewer.
const sweeps = 16

func layOut(g *graph) *drawing {
	d := &drawing{}
	at := map[string]int{}
	for i, n := range g.Nodes {
		at[n.Address.String()] = d.add(point{node: i, layer: n.Wave, height: boxRoom})
	}
	type pass struct {
		to, layer int
		family    string
	}
	passes := map[pass]int{}
	joined := map[[2]int]bool{}
	for _, e := range g.Edges {
		from, to := at[e.From.String()], at[e.To.String()]
		way := []int{from}
		for layer := d.points[from].layer - 1; layer > d.points[to].layer; layer-- {
			key := pass{to, layer, e.family()}
			p, ok := passes[key]
			if !ok {
				p = d.add(point{node: -1, layer: layer, height: passRoom})
				passes[key] = p
			}
			way = append(way, p)
		}
		way = append(way, to)
		for i := 1; i < len(way); i++ {
			pair := [2]int{way[i-1], way[i]}
			// An edge that closes a cycle leads to no layer before: it is drawn, and moves nothing.
			if d.points[pair[0]].layer == d.points[pair[1]].layer+1 && !joined[pair] {
				joined[pair] = true
				d.next[pair[0]] = append(d.next[pair[0]], pair[1])
				d.back[pair[1]] = append(d.back[pair[1]], pair[0])
			}
		}
		d.ways = append(d.ways, way)
	}
	d.order()
	d.place()
	return d
}

func (d *drawing) add(p point) int {
	d.points = append(d.points, p)
	d.next, d.back = append(d.next, nil), append(d.back, nil)
	for len(d.layers) <= p.layer {
		d.layers = append(d.layers, nil)
	}
	d.layers[p.layer] = append(d.layers[p.layer], len(d.points)-1)
	return len(d.points) - 1
}

// order sorts each layer by the middle of its neighbours in the one before, to and fro, and keeps the best.
func (d *drawing) order() {
	rank := make([]int, len(d.points))
	number := func() {
		for _, layer := range d.layers {
			for i, p := range layer {
				rank[p] = i
			}
		}
	}
	number()
	best, fewest := clone(d.layers), d.crossings(rank)
	for sweep := 0; sweep < sweeps && fewest > 0; sweep++ {
		for i := range d.layers {
			layer, neighbours := d.layers[i], d.next
			if sweep%2 == 1 {
				layer, neighbours = d.layers[len(d.layers)-1-i], d.back
			}
			middle := make(map[int]float64, len(layer))
			for at, p := range layer {
				middle[p] = float64(at)
				if len(neighbours[p]) > 0 {
					sum := 0
					for _, q := range neighbours[p] {
						sum += rank[q]
					}
					middle[p] = float64(sum) / float64(len(neighbours[p]))
				}
			}
			slices.SortStableFunc(layer, func(p, q int) int { return cmp.Compare(middle[p], middle[q]) })
			for at, p := range layer {
				rank[p] = at
			}
		}
		if n := d.crossings(rank); n < fewest {
			best, fewest = clone(d.layers), n
		}
	}
	d.layers = best
}

func clone(layers [][]int) [][]int {
	out := make([][]int, len(layers))
	for i := range layers {
		out[i] = slices.Clone(layers[i])
	}
	return out
}

// crossings counts the pairs of lines between neighbouring layers that cross: the inversions among
// their far ends, when they are gone through by their near ones.
func (d *drawing) crossings(rank []int) int {
	total := 0
	for i := 1; i < len(d.layers); i++ {
		tree := make([]int, len(d.layers[i-1])+1) // Fenwick's: how many far ends up to a rank were met
		met := 0
		for _, p := range d.layers[i] {
			ends := make([]int, len(d.next[p]))
			for j, q := range d.next[p] {
				ends[j] = rank[q]
			}
			for _, end := range ends {
				total += met
				for k := end + 1; k > 0; k -= k & -k {
					total -= tree[k]
				}
			}
			for _, end := range ends {
				for k := end + 1; k < len(tree); k += k & -k {
					tree[k]++
				}
				met++
			}
		}
	}
	return total
}

// place gives every point its y: near its neighbours, in its layer's order, with room around it.
func (d *drawing) place() {
	for _, layer := range d.layers {
		y := 0.0
		for _, p := range layer {
			d.points[p].y = y + d.points[p].height/2
			y += d.points[p].height
		}
	}
	for sweep := range sweeps {
		for i := range d.layers {
			layer := d.layers[i]
			if sweep%2 == 1 {
				layer = d.layers[len(d.layers)-1-i]
			}
			d.settle(layer)
		}
	}
	top := 0.0
	for _, p := range d.points {
		top = min(top, p.y-p.height/2)
	}
	for i := range d.points {
		d.points[i].y -= top
	}
}

// settle moves a layer's points to the middle of their neighbours as far as order and room allow, with the
// least sum of squares of what is missing: points that would come too near move together.
func (d *drawing) settle(layer []int) {
	type block struct {
		sum, weight float64 // of where its points want its start to be
		count       int
	}
	var blocks []block
	offset := make([]float64, len(layer)) // of each point when all stand as close as they may
	for i, p := range layer {
		if i > 0 {
			offset[i] = offset[i-1] + (d.points[layer[i-1]].height+d.points[p].height)/2
		}
		want, n := d.points[p].y, 0.25
		for _, list := range [][]int{d.next[p], d.back[p]} {
			for _, q := range list {
				n++
				want += (d.points[q].y - want) / n
			}
		}
		blocks = append(blocks, block{sum: (want - offset[i]) * n, weight: n, count: 1})
		for len(blocks) > 1 {
			last, before := blocks[len(blocks)-1], blocks[len(blocks)-2]
			if before.sum/before.weight <= last.sum/last.weight {
				break
			}
			blocks = append(blocks[:len(blocks)-2], block{before.sum + last.sum, before.weight + last.weight, before.count + last.count})
		}
	}
	i := 0
	for _, b := range blocks {
		for range b.count {
			d.points[layer[i]].y = b.sum/b.weight + offset[i]
			i++
		}
	}
}
