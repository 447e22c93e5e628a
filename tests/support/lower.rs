//! What a module returns, as bytes of its memory: the component model's canonical ABI, written a second time, so that guests
//! can answer anything.

use std::collections::HashMap;

use thymis_core::wire;

/// A piece of a guest's memory.
#[derive(Debug, Clone)]
pub struct Memory {
    base: usize,
    bytes: Vec<u8>,
    /// Where a text stands already: it isn't written twice.
    texts: HashMap<String, u32>,
}

impl Memory {
    /// Empty, at an address that is a multiple of 8.
    #[must_use]
    pub fn at(base: u32) -> Self {
        Self { base: base as usize, bytes: Vec::new(), texts: HashMap::new() }
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first address after it, a multiple of 8.
    #[must_use]
    pub fn end(&self) -> u32 {
        u32::try_from((self.base + self.bytes.len()).next_multiple_of(8)).unwrap()
    }

    /// Puts a value at the end; its address.
    pub fn put<T: Lower>(&mut self, value: &T) -> u32 {
        let at = self.reserve(T::LAYOUT);
        value.store(self, at);
        u32::try_from(at).unwrap()
    }

    fn reserve(&mut self, layout: Layout) -> usize {
        let at = (self.base + self.bytes.len()).next_multiple_of(layout.align);
        self.bytes.resize(at - self.base + layout.size, 0);
        at
    }

    fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.bytes[at - self.base..][..N].copy_from_slice(&bytes);
    }

    fn pointer(&mut self, at: usize, to: u32, length: usize) {
        to.store(self, at);
        u32::try_from(length).unwrap().store(self, at + 4);
    }

    /// A case of a variant whose layout is that of `T`.
    fn case<T: Lower>(&mut self, at: usize, case: u8, payload: &impl Lower) {
        self.write(at, [case]);
        payload.store(self, at + T::LAYOUT.align);
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Layout {
    size: usize,
    align: usize,
}

impl Layout {
    const fn of(size: usize, align: usize) -> Self {
        Self { size, align }
    }

    /// One after the other.
    const fn record(fields: &[Self]) -> Self {
        let (mut size, mut align, mut index) = (0_usize, 1, 0);
        while index < fields.len() {
            let field = fields[index];
            size = size.next_multiple_of(field.align) + field.size;
            align = if field.align > align { field.align } else { align };
            index += 1;
        }
        Self { size: size.next_multiple_of(align), align }
    }

    /// A number of one byte and, behind it, one of these.
    const fn variant(cases: &[Self]) -> Self {
        let (mut size, mut align, mut index) = (0, 1, 0);
        while index < cases.len() {
            let case = cases[index];
            size = if case.size > size { case.size } else { size };
            align = if case.align > align { case.align } else { align };
            index += 1;
        }
        Self { size: (align + size).next_multiple_of(align), align }
    }
}

/// A type of the interface.
pub trait Lower {
    const LAYOUT: Layout;
    /// Writes it to its address, and what it points to behind everything else.
    fn store(&self, memory: &mut Memory, at: usize);
}

/// No payload.
impl Lower for () {
    const LAYOUT: Layout = Layout::of(0, 1);
    fn store(&self, _: &mut Memory, _: usize) {}
}

impl Lower for bool {
    const LAYOUT: Layout = Layout::of(1, 1);
    fn store(&self, memory: &mut Memory, at: usize) {
        memory.write(at, [u8::from(*self)]);
    }
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Lower for $type {
            const LAYOUT: Layout = Layout::of(size_of::<$type>(), size_of::<$type>());
            fn store(&self, memory: &mut Memory, at: usize) {
                memory.write(at, self.to_le_bytes());
            }
        }
    )*};
}

numbers!(u16, u32, i64, f64);

impl Lower for String {
    const LAYOUT: Layout = Layout::of(8, 4);
    fn store(&self, memory: &mut Memory, at: usize) {
        let to = memory.texts.get(self).copied().unwrap_or_else(|| {
            let to = memory.end();
            memory.bytes.resize(to as usize - memory.base, 0);
            memory.bytes.extend_from_slice(self.as_bytes());
            memory.texts.insert(self.clone(), to);
            to
        });
        memory.pointer(at, to, self.len());
    }
}

impl<T: Lower> Lower for [T] {
    const LAYOUT: Layout = Layout::of(8, 4);
    fn store(&self, memory: &mut Memory, at: usize) {
        let items = memory.reserve(Layout::of(T::LAYOUT.size * self.len(), T::LAYOUT.align));
        for (index, item) in self.iter().enumerate() {
            item.store(memory, items + index * T::LAYOUT.size);
        }
        memory.pointer(at, u32::try_from(items).unwrap(), self.len());
    }
}

impl<T: Lower> Lower for Vec<T> {
    const LAYOUT: Layout = <[T]>::LAYOUT;
    fn store(&self, memory: &mut Memory, at: usize) {
        self.as_slice().store(memory, at);
    }
}

impl<T: Lower> Lower for Option<T> {
    const LAYOUT: Layout = Layout::variant(&[T::LAYOUT]);
    fn store(&self, memory: &mut Memory, at: usize) {
        match self {
            None => memory.case::<Self>(at, 0, &()),
            Some(value) => memory.case::<Self>(at, 1, value),
        }
    }
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    const LAYOUT: Layout = Layout::variant(&[T::LAYOUT, E::LAYOUT]);
    fn store(&self, memory: &mut Memory, at: usize) {
        match self {
            Ok(value) => memory.case::<Self>(at, 0, value),
            Err(error) => memory.case::<Self>(at, 1, error),
        }
    }
}

macro_rules! records {
    ($($type:ident { $($field:ident: $of:ty),* })*) => {$(
        impl Lower for wire::$type {
            const LAYOUT: Layout = Layout::record(&[$(<$of>::LAYOUT),*]);
            #[allow(unused_assignments)]
            fn store(&self, memory: &mut Memory, mut at: usize) {
                $(
                    at = at.next_multiple_of(<$of>::LAYOUT.align);
                    self.$field.store(memory, at);
                    at += <$of>::LAYOUT.size;
                )*
            }
        }
    )*};
}

type Localized = Vec<wire::Translation>;

records! {
    Translation { locale: String, text: String }
    Extra { key: String, value: String }
    Choice { value: String, label: Localized }
    SettingType { shape: wire::Shape, constraints: Vec<wire::Extra> }
    Setting {
        key: String, type_: u32, label: Localized, description: Localized, required: bool, default: Option<String>,
        example: Option<String>, conditions: Vec<wire::Condition>, extra: Vec<wire::Extra>
    }
    Condition { when: Vec<wire::Test>, effect: wire::Effect }
    Test { setting: String, any_of: Vec<String> }
    Descriptor {
        name: String, schema_version: u32, label: Localized, description: Localized, category: Localized,
        types: Vec<wire::SettingType>, settings: u32, extra: Vec<wire::Extra>
    }
    Attr { name: String, value: u32 }
    Reference { root: String, path: Vec<String> }
    Call { function: String, arguments: Vec<u32> }
    Definition { path: Vec<String>, value: u32, strength: wire::Strength }
    Placement { secret: String, path: String, owner: String, group: String, mode: u16 }
    Check { fatal: bool, holds: Option<u32>, message: String }
    Configuration {
        exprs: Vec<wire::Expr>, definitions: Vec<wire::Definition>, imports: Vec<u32>, secrets: Vec<wire::Placement>,
        checks: Vec<wire::Check>
    }
    Problem { setting: Option<String>, message: Localized }
}

impl Lower for wire::Shape {
    const LAYOUT: Layout = Layout::variant(&[String::LAYOUT, Vec::<wire::Choice>::LAYOUT, u32::LAYOUT]);
    fn store(&self, memory: &mut Memory, at: usize) {
        match self {
            Self::Scalar(name) => memory.case::<Self>(at, 0, name),
            Self::Select(choices) => memory.case::<Self>(at, 1, choices),
            Self::Group(settings) => memory.case::<Self>(at, 2, settings),
            Self::List(id) => memory.case::<Self>(at, 3, id),
            Self::Map(id) => memory.case::<Self>(at, 4, id),
        }
    }
}

impl Lower for wire::Effect {
    const LAYOUT: Layout = Layout::variant(&[Vec::<String>::LAYOUT]);
    fn store(&self, memory: &mut Memory, at: usize) {
        match self {
            Self::Visible => memory.case::<Self>(at, 0, &()),
            Self::Required => memory.case::<Self>(at, 1, &()),
            Self::Allowed(values) => memory.case::<Self>(at, 2, values),
        }
    }
}

impl Lower for wire::Part {
    const LAYOUT: Layout = Layout::variant(&[String::LAYOUT, u32::LAYOUT]);
    fn store(&self, memory: &mut Memory, at: usize) {
        match self {
            Self::Literal(text) => memory.case::<Self>(at, 0, text),
            Self::Embed(id) => memory.case::<Self>(at, 1, id),
        }
    }
}

impl Lower for wire::Expr {
    const LAYOUT: Layout = Layout::variant(&[i64::LAYOUT, f64::LAYOUT, wire::Reference::LAYOUT, wire::Call::LAYOUT]);
    fn store(&self, memory: &mut Memory, at: usize) {
        match self {
            Self::Null => memory.case::<Self>(at, 0, &()),
            Self::Bool(value) => memory.case::<Self>(at, 1, value),
            Self::Int(value) => memory.case::<Self>(at, 2, value),
            Self::Float(value) => memory.case::<Self>(at, 3, value),
            Self::Text(parts) => memory.case::<Self>(at, 4, parts),
            Self::List(items) => memory.case::<Self>(at, 5, items),
            Self::Attrs(attrs) => memory.case::<Self>(at, 6, attrs),
            Self::Ref(reference) => memory.case::<Self>(at, 7, reference),
            Self::Call(call) => memory.case::<Self>(at, 8, call),
            Self::Raw(text) => memory.case::<Self>(at, 9, text),
        }
    }
}

impl Lower for wire::Strength {
    const LAYOUT: Layout = Layout::of(1, 1);
    fn store(&self, memory: &mut Memory, at: usize) {
        let case = match self {
            Self::Merge => 0,
            Self::Override => 1,
            Self::Fallback => 2,
            Self::Force => 3,
        };
        memory.write(at, [case]);
    }
}
