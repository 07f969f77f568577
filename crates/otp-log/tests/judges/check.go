// Judges what otp-log made, with Go's own golang.org/x/mod/sumdb: check FILE. It panics at the first thing that
// does not hold, and else says how many proofs did.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// cosigner verifies Ed25519 cosignatures (type 4), which package note does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(c.key, append([]byte(head), text...), sig[8:])
}

func newCosigner(vkey string) note.Verifier {
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	must(err)
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	ensure(len(raw) == 33 && raw[0] == 4, "no cosigner's key")
	ensure(hex.EncodeToString(id[:4]) == parts[1], "another key id")
	return cosigner{parts[0], binary.BigEndian.Uint32(id[:4]), raw[1:]}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ensure(holds bool, what string) {
	if !holds {
		panic(what)
	}
}

func bytes(digits string) []byte {
	raw, err := hex.DecodeString(digits)
	must(err)
	return raw
}

func hash(digits string) (h tlog.Hash) {
	ensure(copy(h[:], bytes(digits)) == 32, "a short hash")
	return
}

type proofs struct {
	Size, Index, Old    int64
	Root, Leaf, Oldroot string
	Proof               []string
}

func (p proofs) hashes() (list []tlog.Hash) {
	for _, digits := range p.Proof {
		list = append(list, hash(digits))
	}
	return
}

func main() {
	var v struct {
		Entries, Roots          []string
		Inclusion, Consistency  []proofs
		Log                     string
		Witnesses, Checkpoints  []string
		Proof, Proven           string
		Tiles                   map[string]string
	}
	data, err := os.ReadFile(os.Args[1])
	must(err)
	must(json.Unmarshal(data, &v))

	// The tree that Go makes of the entries has the same roots at each size, and the same tiles.
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (list []tlog.Hash, err error) {
		for _, index := range indexes {
			list = append(list, stored[index])
		}
		return
	})
	for index, entry := range v.Entries {
		hashes, err := tlog.StoredHashes(int64(index), bytes(entry), reader)
		must(err)
		stored = append(stored, hashes...)
		root, err := tlog.TreeHash(int64(index+1), reader)
		must(err)
		ensure(root == hash(v.Roots[index]), "another root")
	}
	tiles := tlog.NewTiles(8, 0, int64(len(v.Entries)))
	full := 0
	for _, tile := range tiles {
		if tile.W < 256 && tile.N != int64(len(v.Entries))>>(8*(tile.L+1)) {
			continue // a partial one of an earlier size
		}
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		theirs, ok := v.Tiles[path]
		if !ok {
			continue
		}
		data, err := tlog.ReadTileData(tile, reader)
		must(err)
		ensure(hex.EncodeToString(data) == theirs, "another tile: "+path)
		full++
	}
	ensure(full == len(v.Tiles) && full > 0, "tiles that Go does not have")

	// Proofs: of this tree, and of trees of up to 2^62 leaves.
	for _, p := range v.Inclusion {
		must(tlog.CheckRecord(p.hashes(), p.Size, hash(p.Root), p.Index, hash(p.Leaf)))
	}
	for _, p := range v.Consistency {
		must(tlog.CheckTree(p.hashes(), p.Size, hash(p.Root), p.Old, hash(p.Oldroot)))
	}

	// Checkpoints, each signed by the log and cosigned by all witnesses.
	log, err := note.NewVerifier(v.Log)
	must(err)
	known := []note.Verifier{log}
	for _, vkey := range v.Witnesses {
		known = append(known, newCosigner(vkey))
	}
	open := func(text string) tlog.Tree {
		opened, err := note.Open([]byte(text), note.VerifierList(known...))
		must(err)
		ensure(len(opened.Sigs) == len(known) && len(opened.UnverifiedSigs) == 0, "other signatures")
		lines := strings.Split(opened.Text, "\n")
		ensure(len(lines) == 4 && lines[0] == log.Name(), "another checkpoint")
		size, err := strconv.ParseInt(lines[1], 10, 64)
		must(err)
		root, err := tlog.ParseHash(lines[2])
		must(err)
		return tlog.Tree{N: size, Hash: root}
	}
	for _, text := range v.Checkpoints {
		tree := open(text)
		ensure(tree.Hash == hash(v.Roots[tree.N-1]), "a checkpoint of another root")
	}

	// The proof in a file.
	head, rest, _ := strings.Cut(v.Proof, "\n\n")
	lines := strings.Split(head, "\n")
	ensure(lines[0] == "c2sp.org/tlog-proof@v1" && strings.HasPrefix(lines[1], "index "), "no tlog-proof")
	index, err := strconv.ParseInt(lines[1][6:], 10, 64)
	must(err)
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		sibling, err := tlog.ParseHash(line)
		must(err)
		path = append(path, sibling)
	}
	tree := open(rest)
	must(tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(bytes(v.Proven))))

	fmt.Println("inclusion", len(v.Inclusion), "consistency", len(v.Consistency), "tiles", full,
		"checkpoints", len(v.Checkpoints))
}
