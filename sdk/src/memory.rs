//! The allocator of components: a call gets a fresh memory that is thrown away after it, so almost nothing is ever freed.
//!
//! Blocks are cut from an arena in the module's own memory, which exists from the start: asking the host for pages is
//! what costs time (a third of a small call). When it is full, pages are asked for after all.

/// A stretch of memory, taken from its start.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(any(test, target_arch = "wasm32")), allow(dead_code))]
struct Region {
    next: usize,
    end: usize,
}

#[cfg_attr(not(any(test, target_arch = "wasm32")), allow(dead_code))]
impl Region {
    /// `align` is a power of two.
    fn take(&mut self, size: usize, align: usize) -> Option<usize> {
        let start = self.next.checked_add(align - 1)? & !(align - 1);
        let next = start.checked_add(size)?;
        if next > self.end {
            return None;
        }
        self.next = next;
        Some(start)
    }

    /// The last block can be given back.
    fn give(&mut self, start: usize, size: usize) {
        if start + size == self.next {
            self.next = start;
        }
    }

    /// Whether the block now has another size in the same place: any can shrink, the last can grow.
    fn resize(&mut self, start: usize, size: usize, new_size: usize) -> bool {
        if start + size != self.next {
            return new_size <= size;
        }
        match start.checked_add(new_size) {
            Some(next) if next <= self.end => {
                self.next = next;
                true
            }
            _ => false,
        }
    }
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "an allocator; components have one thread")]
mod global {
    use std::{
        alloc::{GlobalAlloc, Layout},
        cell::UnsafeCell,
        ptr,
    };

    use super::Region;

    const ARENA: usize = 1 << 20;
    const PAGE: usize = 64 << 10;
    /// Asked for at once, at least.
    const PAGES: usize = 16;

    #[repr(align(16))]
    struct Arena(UnsafeCell<[u8; ARENA]>);

    struct Allocator {
        arena: Arena,
        /// `None`: not used yet.
        region: UnsafeCell<Option<Region>>,
    }

    // SAFETY: WebAssembly without the threads proposal, which the host leaves off.
    unsafe impl Sync for Allocator {}

    #[global_allocator]
    static ALLOCATOR: Allocator =
        Allocator { arena: Arena(UnsafeCell::new([0; ARENA])), region: UnsafeCell::new(None) };

    impl Allocator {
        /// SAFETY: the only reference; nothing in here allocates.
        #[allow(clippy::mut_from_ref)]
        unsafe fn region(&self) -> &mut Region {
            let start = self.arena.0.get() as usize;
            unsafe { &mut *self.region.get() }.get_or_insert(Region { next: start, end: start + ARENA })
        }

        unsafe fn take(&self, size: usize, align: usize) -> Option<usize> {
            let region = unsafe { self.region() };
            if let Some(start) = region.take(size, align) {
                return Some(start);
            }
            let pages = size.checked_add(align)?.div_ceil(PAGE).max(PAGES);
            let before = core::arch::wasm32::memory_grow(0, pages);
            if before == usize::MAX {
                return None;
            }
            let (start, end) = (before * PAGE, (before + pages) * PAGE);
            if start == region.end {
                region.end = end;
            } else {
                *region = Region { next: start, end };
            }
            region.take(size, align)
        }
    }

    unsafe impl GlobalAlloc for Allocator {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            unsafe { self.take(layout.size(), layout.align()) }.map_or(ptr::null_mut(), |start| start as *mut u8)
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            unsafe { self.region() }.give(block as usize, layout.size());
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            if unsafe { self.region() }.resize(block as usize, layout.size(), new_size) {
                return block;
            }
            match unsafe { self.take(new_size, layout.align()) } {
                Some(start) => {
                    let moved = start as *mut u8;
                    unsafe { ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size)) };
                    moved
                }
                None => ptr::null_mut(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_do_not_overlap() {
        let mut region = Region { next: 3, end: 64 };
        assert_eq!(region.take(5, 8), Some(8));
        assert_eq!(region.take(1, 1), Some(13));
        assert_eq!(region.take(4, 4), Some(16));
    }

    #[test]
    fn a_full_region_stays_as_it_is() {
        let mut region = Region { next: 0, end: 8 };
        assert_eq!(region.take(9, 1), None);
        assert_eq!(region.take(usize::MAX, 8), None);
        assert_eq!(region.take(8, 8), Some(0));
        assert_eq!(region.take(1, 1), None);
    }

    #[test]
    fn only_the_last_block_moves_the_end() {
        let mut region = Region { next: 0, end: 64 };
        let (first, last) = (region.take(8, 8).unwrap(), region.take(8, 8).unwrap());
        assert!(!region.resize(first, 8, 16));
        assert!(region.resize(first, 8, 4));
        assert!(region.resize(last, 8, 40));
        assert!(!region.resize(last, 40, 64));
        region.give(first, 8);
        assert_eq!(region.next, 48);
        region.give(last, 40);
        assert_eq!(region.next, 8);
    }
}
