//! INV-01, said to the compiler: nothing can print, copy, compare or serialize a value. Each file
//! in `refused/` must fail to compile; `whole.rs` shows that it is not for want of an import.

#[test]
fn a_value_cannot_be_printed_copied_compared_or_serialized() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/refused/whole.rs");
    cases.compile_fail("tests/refused/no_*.rs");
}
