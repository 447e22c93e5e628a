//! Values without parts.

use std::{fmt, ops::Deref};

use super::{Choice, Place, Type, Value};
use crate::{Expr, Json, Path, Problem, Problems};

pub(super) fn expected<T>(value: Option<T>, what: &str, at: &Place<'_>, problems: &mut Problems) -> Option<T> {
    if value.is_none() {
        problems.push(Problem::at(at.pointer(), format!("must be {what}")));
    }
    value
}

impl Value for bool {
    fn type_() -> Type {
        Type::scalar("bool")
    }

    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        expected(json.as_bool(), "true or false", at, problems)
    }

    fn write(&self) -> Json {
        (*self).into()
    }
}

macro_rules! integers {
    ($($type:ty),*) => {
        $(impl Value for $type {
            fn type_() -> Type {
                Type::scalar("int").constrain("min", Self::MIN.into()).constrain("max", Self::MAX.into())
            }

            fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
                let number = json.as_i64().and_then(|number| Self::try_from(number).ok());
                expected(number, &format!("an integer from {} to {}", Self::MIN, Self::MAX), at, problems)
            }

            fn write(&self) -> Json {
                (*self).into()
            }
        })*
    };
}

integers!(u8, u16, u32, i8, i16, i32);

impl Value for i64 {
    fn type_() -> Type {
        Type::scalar("int")
    }

    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        expected(json.as_i64(), "an integer", at, problems)
    }

    fn write(&self) -> Json {
        (*self).into()
    }
}

impl Value for f64 {
    fn type_() -> Type {
        Type::scalar("float")
    }

    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        expected(json.as_f64(), "a number", at, problems)
    }

    fn write(&self) -> Json {
        (*self).into()
    }
}

impl Value for f32 {
    fn type_() -> Type {
        f64::type_()
    }

    #[allow(clippy::cast_possible_truncation, reason = "the author asked for less precision")]
    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        f64::read(json, at, problems).map(|number| number as Self)
    }

    fn write(&self) -> Json {
        f64::from(*self).into()
    }
}

impl Value for String {
    fn type_() -> Type {
        Type::scalar("string")
    }

    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        expected(json.as_str().map(str::to_owned), "a text", at, problems)
    }

    fn write(&self) -> Json {
        self.as_str().into()
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $scalar:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(String);

            impl $name {
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }

                #[must_use]
                pub fn into_string(self) -> String {
                    self.0
                }
            }

            impl<T: Into<String>> From<T> for $name {
                fn from(text: T) -> Self {
                    Self(text.into())
                }
            }

            impl Deref for $name {
                type Target = str;

                fn deref(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl Value for $name {
                fn type_() -> Type {
                    Type::scalar($scalar)
                }

                fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
                    String::read(json, at, problems).map(Self)
                }

                fn write(&self) -> Json {
                    self.0.as_str().into()
                }
            }

            impl From<&$name> for Expr {
                fn from(value: &$name) -> Self {
                    value.expr()
                }
            }

            impl From<$name> for Expr {
                fn from(value: $name) -> Self {
                    value.expr()
                }
            }
        )*
    };
}

texts! {
    /// Text of several lines.
    Text = "text";
    /// Source code; the attribute `language` tells the editor which.
    Code = "code";
    /// An absolute path on the device.
    DevicePath = "path";
    /// A package of nixpkgs by its attribute path, such as `python3Packages.requests`. As an expression it is the package.
    PackageName = "package";
    /// The identifier of one of the project's device types, such as `raspberry-pi-4`. Repositories can add some.
    DeviceType = "device-type";
}

impl Text {
    fn expr(&self) -> Expr {
        Expr::from(self.as_str())
    }
}

impl Code {
    fn expr(&self) -> Expr {
        Expr::from(self.as_str())
    }
}

impl DevicePath {
    fn expr(&self) -> Expr {
        Expr::from(self.as_str())
    }
}

impl DeviceType {
    fn expr(&self) -> Expr {
        Expr::from(self.as_str())
    }
}

impl PackageName {
    fn expr(&self) -> Expr {
        Expr::reference("pkgs", Path::new(self.0.split('.')))
    }
}

#[doc(hidden)]
pub fn read_choice<C: Choice>(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<C> {
    let choice = json.as_str().and_then(C::from_value);
    if choice.is_none() {
        let values: Vec<_> = C::choices().into_iter().map(|(value, _)| format!("\"{value}\"")).collect();
        problems.push(Problem::at(at.pointer(), format!("must be one of {}", values.join(", "))));
    }
    choice
}
