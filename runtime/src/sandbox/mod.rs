//! Where guest code is checked, prepared and run.

pub mod prepare;
