import Glibc

// The C library's functions under names that say what they are.
func exponential(_ x: Double) -> Double { exp(x) }
func logarithm(_ x: Double) -> Double { log(x) }
func power(_ base: Double, _ exponent: Int) -> Double { pow(base, Double(exponent)) }
