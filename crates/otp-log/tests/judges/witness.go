// A witness for tests, with Go's own golang.org/x/mod/sumdb: witness STATE LOG-VKEY NAME SEED-HEX TIME < request
//
// It reads the body of one add-checkpoint, keeps size and root in the file STATE, and writes a line with the status,
// a line with the content type, and the body of its answer, as C2SP tlog-witness has it.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func answer(status int, kind, body string) {
	fmt.Printf("%d\n%s\n%s", status, kind, body)
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		answer(400, "text/plain", "no number\n")
	}
	return n
}

func main() {
	state, name := os.Args[1], os.Args[3]
	log, err := note.NewVerifier(os.Args[2])
	must(err)
	seed, err := hex.DecodeString(os.Args[4])
	must(err)
	now, err := strconv.ParseUint(os.Args[5], 10, 63)
	must(err)
	request, err := io.ReadAll(os.Stdin)
	must(err)

	head, rest, ok := strings.Cut(string(request), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || !strings.HasPrefix(lines[0], "old ") || len(lines) > 64 {
		answer(400, "text/plain", "no request\n")
	}
	old := number(lines[0][4:])
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			answer(400, "text/plain", "no hash\n")
		}
		proof = append(proof, hash)
	}
	if origin, _, _ := strings.Cut(rest, "\n"); origin != log.Name() {
		answer(404, "text/plain", "unknown origin\n")
	}
	opened, err := note.Open([]byte(rest), note.VerifierList(log))
	if err != nil {
		answer(403, "text/plain", err.Error()+"\n")
	}
	fields := strings.Split(opened.Text, "\n")
	if len(fields) < 4 {
		answer(400, "text/plain", "no checkpoint\n")
	}
	size := number(fields[1])
	root, err := tlog.ParseHash(fields[2])
	if err != nil || old > size {
		answer(400, "text/plain", "no checkpoint\n")
	}

	var kept int64
	var keptRoot string
	if data, err := os.ReadFile(state); err == nil {
		_, err := fmt.Sscan(string(data), &kept, &keptRoot)
		must(err)
	}
	if old != kept {
		answer(409, "text/x.tlog.size", fmt.Sprintf("%d\n", kept))
	}
	switch {
	case old == 0 && len(proof) > 0, size == 0 && root != tlog.Hash(sha256.Sum256(nil)):
		answer(422, "text/plain", "a proof from nothing\n")
	case old == size && old > 0 && (root.String() != keptRoot || len(proof) > 0):
		answer(422, "text/plain", "another root\n")
	case old > 0 && old < size:
		oldRoot, err := tlog.ParseHash(keptRoot)
		must(err)
		if tlog.CheckTree(proof, size, root, old, oldRoot) != nil {
			answer(422, "text/plain", "the proof does not hold\n")
		}
	}
	must(os.WriteFile(state, []byte(fmt.Sprintf("%d %s\n", size, root)), 0o600))

	key := ed25519.NewKeyFromSeed(seed)
	sig := ed25519.Sign(key, []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", now, opened.Text)))
	id := sha256.Sum256(append([]byte(name+"\n\x04"), key.Public().(ed25519.PublicKey)...))
	line := binary.BigEndian.AppendUint64(id[:4:4], now)
	line = append(line, sig...)
	answer(200, "text/plain; charset=utf-8",
		fmt.Sprintf("\u2014 %s %s\n", name, base64.StdEncoding.EncodeToString(line)))
}
