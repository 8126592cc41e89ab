import Base
import SystemPackage
import Tensors
import TestKit
import Testing

/// One number that is not finite, at any place of a tensor of any length, is found; none else is.
struct FiniteNumbersTests {
    static let types: [ElementType] = [.float32, .float16, .bfloat16, .float64]

    @Test(arguments: types, [Float.nan, .infinity, -.infinity])
    func oneIsFoundAnywhere(type: ElementType, value: Float) throws {
        let folder = try TemporaryFolder()
        var random = SplitMix64(seed: 7, 3)
        for count in [1, 2, 7, 31, 32, 33, 64, 100, 257] {
            // Numbers near the largest have exponents with one bit less.
            var numbers = (0..<count).map { _ in Float(random.nextUnit() * 2 - 1) * 60_000 }
            func isFinite() throws -> Bool {
                let path = folder("x.safetensors")
                try SafetensorsWriter.write([("x", try Tensor(numbers).to(type))], to: path)
                let isFinite = try SafetensorsFile(path).isFinite("x")
                #expect(try SafetensorsFile(path).tensor("x").isFinite() == isFinite)
                return isFinite
            }
            #expect(try isFinite(), "\(count)")
            let place = Int(random.next() % UInt64(count))
            numbers[place] = value
            #expect(try !isFinite(), "\(place) of \(count)")
        }
    }

    @Test func wholeNumbersAreFinite() throws {
        let folder = try TemporaryFolder()
        try SafetensorsWriter.write([("x", try Tensor([Int32.max, -1]))], to: folder("x.safetensors"))
        #expect(try SafetensorsFile(folder("x.safetensors")).isFinite("x"))
    }
}
