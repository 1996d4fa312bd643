package host

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// copyData copies the data of a file, which others may change meanwhile, to a new one, and leaves holes where it has them: whoever
// sees a file of a terabyte of nothing has not to fill the disk with it. Size is in bytes, and the most that is made. What is more data
// than the target's filesystem has free is an error before any of it is written. It returns the new file's size.
func copyData(out, in *os.File, size int64) (int64, error) {
	var data int64
	if err := eachData(in, size, func(start, end int64) error { data += end - start; return nil }); err != nil {
		return 0, err
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(out.Fd()), &fs); err != nil {
		return 0, os.NewSyscallError("fstatfs", err)
	}
	// Filesystems without a size of their own say that nothing of nothing is free.
	if free := fs.Bavail * uint64(fs.Bsize); fs.Blocks != 0 && uint64(data) > free {
		return 0, fmt.Errorf("it has %d bytes, and %d are free there: %w", data, free, unix.ENOSPC)
	}
	err := eachData(in, size, func(start, end int64) error {
		if data -= end - start; data < 0 {
			return errors.New("it grows while it is copied")
		}
		if _, err := in.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := out.Seek(start, io.SeekStart); err != nil {
			return err
		}
		n, err := io.Copy(out, io.LimitReader(in, end-start))
		if err == nil && n < end-start {
			size, err = start+n, io.EOF // it was cut, or is one of the kernel's, which are shorter than they say
		}
		return err
	})
	if err != nil && err != io.EOF {
		return 0, err
	}
	if st, err := in.Stat(); err != nil {
		return 0, err
	} else if st.Size() < size {
		size = st.Size()
	}
	return size, out.Truncate(size)
}

// eachData calls do for each part of a file's first bytes that is no hole, lseek(2). A filesystem without holes has one part.
func eachData(f *os.File, size int64, do func(start, end int64) error) error {
	for at := int64(0); at < size; {
		start, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if err == unix.EINVAL {
			return do(at, size) // one that knows of no holes
		}
		if err == unix.ENXIO || err == nil && start >= size {
			return nil // the rest is a hole, or is no more there
		}
		if err != nil {
			return os.NewSyscallError("lseek(SEEK_DATA)", err)
		}
		end, err := unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
		if err == unix.ENXIO {
			return nil // cut since
		}
		if err != nil {
			return os.NewSyscallError("lseek(SEEK_HOLE)", err)
		}
		end = min(end, size)
		if err := do(start, end); err != nil {
			return err
		}
		at = max(end, start+1) // also where what was data is none any more
	}
	return nil
}
