import Base
import SystemPackage
import Tensors
import TestKit
import Testing

struct SafetensorsTests {
    let temporary: TemporaryFolder
    var path: FilePath { temporary("weights.safetensors") }

    init() throws { temporary = try TemporaryFolder() }

    @Test func whatIsWrittenIsRead() throws {
        let before = Tensor.threadLiveCount
        do {
            let matrix = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
            let tensors: [(String, Tensor)] = [
                ("b.transposed", try matrix.transpose(0, 1)), ("a", matrix), ("half", try matrix.to(.bfloat16)),
                ("ids", try Tensor([7, -1] as [Int64])), ("flag", try matrix.greater(3)),
                ("é\"\n", try Tensor([9] as [Int32])),
                ("empty", try Tensor.zeros([0, 4])),
            ]
            try SafetensorsWriter.write(tensors, metadata: ["format": "pt", "step": "3"], to: path)
            let file = try SafetensorsFile(path)
            #expect(file.metadata == ["format": "pt", "step": "3"])
            #expect(file.names == ["ids", "a", "b.transposed", "empty", "é\"\n", "half", "flag"])
            for (name, tensor) in tensors {
                let read = try file.tensor(name)
                #expect(read.shape == tensor.shape)
                #expect(read.elementType == tensor.elementType)
                #expect(try read.to(.float64).array(of: Double.self) == tensor.to(.float64).array(of: Double.self))
            }
            #expect(throws: InputError.self) { try file.tensor("c") }
            let once = try Files.readAll(path)
            try SafetensorsWriter.write(tensors.reversed(), metadata: ["step": "3", "format": "pt"], to: path)
            #expect(try Files.readAll(path) == once)
        }
        #expect(Tensor.threadLiveCount == before)
    }

    /// The mapping outlives the file object, and the file's name.
    @Test func tensorsKeepTheMapping() throws {
        try SafetensorsWriter.write([("a", Tensor([1, 2] as [Float]))], to: path)
        var tensor: Tensor?
        do { tensor = try SafetensorsFile(path).tensor("a") }
        try Files.remove(path)
        #expect(try tensor?.floats() == [1, 2])
    }

    @Test func everyTruncationThrows() throws {
        try SafetensorsWriter.write([("a", Tensor([1, 2] as [Float])), ("b", Tensor([3] as [Int64]))], to: path)
        let bytes = try Files.readAll(path)
        for count in 0..<bytes.count {
            try Files.replace(path, with: Array(bytes[..<count]))
            #expect(throws: (any Error).self) { try SafetensorsFile(path) }
        }
        try Files.replace(path, with: bytes + [0])
        #expect(throws: InputError.self) { try SafetensorsFile(path) }
    }

    @Test(arguments: [
        #"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}"#,
        #"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}"#,
        #"{"a": {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}}"#,
        #"{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}"#,
        #"{"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 8]}}"#,
        #"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}"#,
        #"{"a": {"dtype": "U8", "shape": [9223372036854775807], "data_offsets": [0, 9223372036854775807]}}"#,
        #"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}}"#,
        #"{"a": {"dtype": "F32", "shape": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2], "data_offsets": [0, 8]}}"#,
        #"{"a": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}}"#,
        #"{"a": {"shape": [2], "data_offsets": [0, 8]}}"#, "[1]", "{",
    ])
    func badHeaders(header: String) throws {
        var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        bytes += Array(header.utf8) + [UInt8](repeating: 0, count: 8)
        try Files.replace(path, with: bytes)
        #expect(throws: InputError.self) { try SafetensorsFile(path) }
    }

    /// Data that is not aligned is copied, not refused.
    @Test func unalignedData() throws {
        let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
        for padding in 0..<8 {
            let text = header + String(repeating: " ", count: padding)
            var bytes = withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { Array($0) }
            bytes += Array(text.utf8) + [Float(1.5), -2].withUnsafeBytes { Array($0) }
            try Files.replace(path, with: bytes)
            #expect(try SafetensorsFile(path).tensor("a").floats() == [1.5, -2])
        }
    }
}
