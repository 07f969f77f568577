//! Memory of the caller: views into it, structures with a size, buffers to fill, bytes to own.

use core::fmt::{self, Write as _};
use core::ptr;

use otp_core::binding::MAX_MEMBER_LEN;

use crate::status::{Fault, otp_status};

/// Bytes or text of the caller: not NUL-terminated; NULL with length 0 is empty.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_view {
    /// Where the bytes begin.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
}

impl otp_view {
    /// Views a text of the library's, which outlives the use of the view.
    pub(crate) fn of(text: &str) -> Self {
        Self {
            data: text.as_ptr(),
            len: text.len(),
        }
    }

    /// Returns the bytes.
    ///
    /// # Safety
    ///
    /// They are valid for as long as the result is used.
    pub(crate) unsafe fn bytes<'a>(self, name: &str) -> Result<&'a [u8], Fault> {
        // SAFETY: by this function's contract.
        unsafe { bytes(self.data, self.len, name) }
    }

    /// Returns the text.
    ///
    /// # Safety
    ///
    /// As [`bytes`](Self::bytes).
    pub(crate) unsafe fn text<'a>(self, name: &str) -> Result<&'a str, Fault> {
        // SAFETY: by this function's contract.
        text(unsafe { self.bytes(name)? }, name)
    }

    /// Returns the text of what cells are named after: 1 to 128 bytes.
    ///
    /// # Safety
    ///
    /// As [`bytes`](Self::bytes).
    pub(crate) unsafe fn member<'a>(self, name: &str) -> Result<&'a str, Fault> {
        if !(1..=MAX_MEMBER_LEN).contains(&self.len) {
            return Err(Fault::argument(format!(
                "{name} is {} bytes; it must be 1 to {MAX_MEMBER_LEN} bytes",
                self.len
            )));
        }
        // SAFETY: by this function's contract.
        unsafe { self.text(name) }
    }

    /// Returns the bytes, or `None` where the view is NULL.
    ///
    /// # Safety
    ///
    /// As [`bytes`](Self::bytes).
    pub(crate) unsafe fn optional_bytes<'a>(self, name: &str) -> Result<Option<&'a [u8]>, Fault> {
        if self.data.is_null() && self.len == 0 {
            return Ok(None);
        }
        // SAFETY: by this function's contract.
        unsafe { self.bytes(name) }.map(Some)
    }

    /// Returns the text, or `None` where the view is NULL.
    ///
    /// # Safety
    ///
    /// As [`bytes`](Self::bytes).
    pub(crate) unsafe fn optional_text<'a>(self, name: &str) -> Result<Option<&'a str>, Fault> {
        // SAFETY: by this function's contract.
        let bytes = unsafe { self.optional_bytes(name)? };
        bytes.map(|bytes| text(bytes, name)).transpose()
    }
}

/// Returns the bytes of the caller.
///
/// # Safety
///
/// `data` is NULL or has `len` bytes that are valid for as long as the result is used.
pub(crate) unsafe fn bytes<'a>(data: *const u8, len: usize, name: &str) -> Result<&'a [u8], Fault> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Fault::argument(format!(
            "{name} is NULL and has a length of {len}"
        )));
    }
    if isize::try_from(len).is_err() {
        return Err(Fault::argument(format!(
            "{name} has an impossible length of {len}"
        )));
    }
    // SAFETY: by this function's contract; the length was checked.
    Ok(unsafe { core::slice::from_raw_parts(data, len) })
}

fn text<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Fault> {
    core::str::from_utf8(bytes)
        .map_err(|_| Fault::new(otp_status::Utf8, format!("{name} is not UTF-8")))
}

/// Borrows a structure of the caller.
///
/// # Safety
///
/// `pointer` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn lend<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Fault> {
    // SAFETY: by this function's contract.
    unsafe { pointer.as_ref() }.ok_or_else(|| Fault::argument(format!("{name} is NULL")))
}

/// A structure whose first member is its own size, as the caller compiled it.
///
/// # Safety
///
/// It is `repr(C)`, its first member is a `usize`, and all zeros is a value of it.
pub(crate) unsafe trait Sized_: Copy {
    /// The least size that is served: all members without which it would mean something else.
    const LEAST: usize = size_of::<Self>();

    /// All zeros.
    fn zeroed() -> Self {
        // SAFETY: by this trait's contract.
        unsafe { core::mem::zeroed() }
    }
}

/// Reads the size of a caller's structure.
///
/// # Safety
///
/// `pointer` is NULL or points to at least a `size_t`.
pub(crate) unsafe fn checked_size<T: Sized_>(
    pointer: *const T,
    name: &str,
) -> Result<usize, Fault> {
    if pointer.is_null() {
        return Err(Fault::argument(format!("{name} is NULL")));
    }
    // SAFETY: not NULL, and the first member is a `usize` by `Sized_`.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    if size < T::LEAST {
        let text = format!(
            "{name}.struct_size is {size}; it must be at least {}",
            T::LEAST
        );
        return Err(Fault::new(otp_status::StructSize, text));
    }
    Ok(size)
}

/// Copies a caller's structure; what a shorter one lacks is zero.
///
/// # Safety
///
/// `pointer` is NULL or points to as many bytes as its `struct_size` says.
pub(crate) unsafe fn read_sized<T: Sized_>(pointer: *const T, name: &str) -> Result<T, Fault> {
    // SAFETY: by this function's contract.
    unsafe { read_sized_over(pointer, T::zeroed(), name) }
}

/// As [`read_sized`]; what a shorter one lacks is as in `default`.
///
/// # Safety
///
/// As [`read_sized`].
pub(crate) unsafe fn read_sized_over<T: Sized_>(
    pointer: *const T,
    default: T,
    name: &str,
) -> Result<T, Fault> {
    // SAFETY: by this function's contract.
    let size = unsafe { checked_size(pointer, name)? };
    // SAFETY: as above.
    Ok(unsafe { read_prefix(pointer, size, default) })
}

/// Copies as much of a structure as the caller has, over a default.
///
/// # Safety
///
/// `pointer` points to `size` bytes, which are a structure of ours or the beginning of one.
unsafe fn read_prefix<T: Sized_>(pointer: *const T, size: usize, mut default: T) -> T {
    let (to, size) = (ptr::from_mut(&mut default), size.min(size_of::<T>()));
    // SAFETY: by this function's contract; ours has `size` bytes too, and any bytes are plain data.
    unsafe { ptr::copy_nonoverlapping(pointer.cast::<u8>(), to.cast(), size) };
    default
}

/// Where the caller wants one number or handle: looked at before anything happens, written at the end.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `place` is NULL or valid for as long as the result is used.
    pub(crate) unsafe fn at(place: *mut T, name: &str) -> Result<Self, Fault> {
        writable(place, name)?;
        Ok(Self(place))
    }

    pub(crate) fn write(self, value: T) {
        // SAFETY: not NULL, and valid by the contract of `at`.
        unsafe { self.0.write(value) };
    }
}

/// As [`Out`], for a structure of which the caller has `size` bytes.
pub(crate) struct SizedOut<T> {
    place: *mut T,
    size: usize,
}

impl<T: Sized_> SizedOut<T> {
    /// Reads `struct_size` alone: the rest may be uninitialised.
    ///
    /// # Safety
    ///
    /// `place` is NULL or has as many bytes as its `struct_size` says, for as long as the result is
    /// used.
    pub(crate) unsafe fn at(place: *mut T, name: &str) -> Result<Self, Fault> {
        // SAFETY: by this function's contract.
        let size = unsafe { checked_size(place, name)? };
        Ok(Self { place, size })
    }

    /// Writes no more than the caller has; its own `struct_size` stays. Returns where it was written:
    /// at least [`Sized_::LEAST`] bytes are the caller's there.
    pub(crate) fn write(self, value: &T) -> *mut T {
        let count = self.size.min(size_of::<T>()) - size_of::<usize>();
        let (from, to) = (ptr::from_ref(value).cast::<u8>(), self.place.cast::<u8>());
        // SAFETY: both have `count` bytes behind their first member.
        unsafe {
            ptr::copy_nonoverlapping(
                from.add(size_of::<usize>()),
                to.add(size_of::<usize>()),
                count,
            );
        };
        self.place
    }
}

/// Structures that lie one behind the other, each as large as the caller compiled it: how far apart
/// they are only the caller knows, and says.
pub(crate) struct Items<T> {
    first: *mut T,
    size: usize,
}

impl<T: Sized_> Items<T> {
    /// Looks at the pointer and the size, at nothing else.
    pub(crate) fn lend(
        first: *mut T,
        size: usize,
        [name, size_name]: [&str; 2],
    ) -> Result<Self, Fault> {
        writable(first, name)?;
        check_stride::<T>(size, size_name, T::LEAST)?;
        Ok(Self { first, size })
    }

    /// Copies an item; what a shorter one lacks is zero. Its `struct_size` need not be set.
    ///
    /// # Safety
    ///
    /// The caller has more than `at` items of the size that was lent.
    pub(crate) unsafe fn read(&self, at: usize) -> T {
        // SAFETY: by this function's contract.
        unsafe { read_prefix(self.first.byte_add(at * self.size), self.size, T::zeroed()) }
    }

    /// Returns an item, all zeros but for its `struct_size`.
    ///
    /// # Safety
    ///
    /// The caller has more than `at` items of the size that was lent.
    pub(crate) unsafe fn cleared(&self, at: usize) -> SizedOut<T> {
        // SAFETY: by this function's contract; an item is at least as large as its first member.
        let place = unsafe {
            let item = self.first.byte_add(at * self.size);
            item.cast::<u8>().write_bytes(0, self.size);
            item.cast::<usize>().write(self.size);
            item
        };
        SizedOut {
            place,
            size: self.size,
        }
    }
}

/// Refuses a batch whose items are NULL or too many.
pub(crate) fn check_count<T>(items: *const T, count: usize, name: &str) -> Result<(), Fault> {
    if count > MAX_BATCH {
        return Err(Fault::argument(format!(
            "count is {count}; it must be at most {MAX_BATCH}"
        )));
    }
    if items.is_null() && count > 0 {
        return Err(Fault::argument(format!("{name} is NULL")));
    }
    Ok(())
}

/// The most items of a batch.
const MAX_BATCH: usize = 65_536;

/// Refuses a distance between the items of an array at which they cannot lie.
fn check_stride<T>(size: usize, name: &str, least: usize) -> Result<(), Fault> {
    if size < least || size > MAX_STRIDE || !size.is_multiple_of(align_of::<T>()) {
        let align = align_of::<T>();
        let text = format!(
            "{name} is {size}; it must be sizeof: a multiple of {align} from {least} to {MAX_STRIDE}"
        );
        return Err(Fault::new(otp_status::StructSize, text));
    }
    Ok(())
}

/// No structure of this header will ever be so large: what is larger is the size of an array.
const MAX_STRIDE: usize = 4096;

/// Copies an item of the caller's array, whose items are `size` bytes apart.
///
/// # Safety
///
/// `first` is NULL or points to more than `at` items of `size` bytes each, plain data in which any
/// bytes are valid.
pub(crate) unsafe fn read_item<T: Copy>(
    first: *const T,
    at: usize,
    size: usize,
    name: &str,
) -> Result<T, Fault> {
    check_stride::<T>(size, name, size_of::<T>())?;
    // SAFETY: by this function's contract.
    Ok(unsafe { first.byte_add(at * size).read() })
}

/// Copies bytes to a caller's buffer, or says how much room they need.
///
/// # Safety
///
/// `buffer` is NULL or has `capacity` bytes; `needed_out` is NULL or valid.
pub(crate) unsafe fn fill(
    bytes: &[u8],
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> Result<(), Fault> {
    if !needed_out.is_null() {
        // SAFETY: not NULL, valid by this function's contract.
        unsafe { needed_out.write(bytes.len()) };
    }
    if buffer.is_null() || capacity < bytes.len() {
        let text = format!("the buffer has {capacity} bytes and needs {}", bytes.len());
        return Err(Fault::new(otp_status::BufferTooSmall, text));
    }
    // SAFETY: the buffer has room, and does not overlap bytes of ours.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len()) };
    Ok(())
}

/// Refuses an out pointer that is NULL, before anything happens.
pub(crate) fn writable<T>(out: *mut T, name: &str) -> Result<(), Fault> {
    if out.is_null() {
        return Err(Fault::argument(format!("{name} is NULL")));
    }
    Ok(())
}

/// Copies a short ASCII text into a fixed field; zero bytes fill the rest.
pub(crate) fn put<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [0; N];
    let count = text.len().min(N - 1);
    field[..count].copy_from_slice(&text.as_bytes()[..count]);
    field
}

/// As [`put`], of what shows itself, without a text of its own on the heap.
pub(crate) fn show<const N: usize>(shown: impl fmt::Display) -> [u8; N] {
    let mut field = Field([0; N], 0);
    let _ = write!(field, "{shown}"); // what is too long for the field is cut
    field.0
}

/// A field, and how much of it is written; its last byte stays zero.
struct Field<const N: usize>([u8; N], usize);

impl<const N: usize> fmt::Write for Field<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.0[self.1..N - 1];
        let count = text.len().min(room.len());
        room[..count].copy_from_slice(&text.as_bytes()[..count]);
        self.1 += count;
        Ok(())
    }
}

/// Reads a short text out of a fixed field, up to the first zero byte.
pub(crate) fn get<'a>(field: &'a [u8], name: &str) -> Result<&'a str, Fault> {
    text(until_nul(field), name)
}

/// Returns what a fixed field holds, up to the first zero byte.
pub(crate) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Bytes that the library made and the caller owns; end them with `otp_bytes_free`.
#[derive(Debug)]
pub struct otp_bytes(pub(crate) Vec<u8>);

impl otp_bytes {
    /// Hands bytes to the caller.
    pub(crate) fn give(bytes: impl Into<Vec<u8>>) -> *mut Self {
        Box::into_raw(Box::new(Self(bytes.into())))
    }
}

/// Returns where the bytes begin; valid until `otp_bytes_free`. NULL for NULL.
///
/// # Safety
///
/// `bytes` is NULL or was handed out by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_bytes_data(bytes: *const otp_bytes) -> *const u8 {
    // SAFETY: by this function's contract.
    unsafe { bytes.as_ref() }.map_or(ptr::null(), |bytes| bytes.0.as_ptr())
}

/// Returns how many bytes there are; 0 for NULL.
///
/// # Safety
///
/// As `otp_bytes_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_bytes_len(bytes: *const otp_bytes) -> usize {
    // SAFETY: by this function's contract.
    unsafe { bytes.as_ref() }.map_or(0, |bytes| bytes.0.len())
}

/// Wipes and frees bytes; NULL is harmless.
///
/// # Safety
///
/// `bytes` is NULL or was handed out by this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_bytes_free(bytes: *mut otp_bytes) {
    if !bytes.is_null() {
        // SAFETY: made by `Box::into_raw`, and the caller gives it back.
        let mut bytes = unsafe { Box::from_raw(bytes) };
        zeroize::Zeroize::zeroize(&mut bytes.0);
    }
}

/// Overwrites memory with zeros in a way that no compiler leaves out: for codes and secrets.
///
/// # Safety
///
/// `data` is NULL or has `len` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_wipe(data: *mut u8, len: usize) {
    if data.is_null() || len == 0 {
        return;
    }
    // SAFETY: by this function's contract.
    let bytes = unsafe { core::slice::from_raw_parts_mut(data, len) };
    zeroize::Zeroize::zeroize(bytes);
}
