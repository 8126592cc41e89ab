import Base
import Glibc
import Processes
import Synchronization
import Tensors
import TestGroups
import Testing

/// Exchanges; threads stand for processes.
struct ProcessGroupTests {
    @Test(arguments: [2, 3, 5], [ElementType.float32, .bfloat16, .float64])
    func sumsAndGathers(size: Int, type: ElementType) throws {
        let results = try together(size) { group in
            let own = try Tensor((0..<6).map { Float($0 * group.size + group.rank) }, shape: [3, 2]).to(type)
            try group.sum(own)
            let gathered = try group.gather(Tensor([Float(group.rank), 7], shape: [1, 2]).to(type))
            return (sum: try own.floats(), gathered: try gathered.floats(), shape: gathered.shape)
        }
        let ranks = Float(size * (size - 1) / 2)
        for result in results {
            let got = try result.get()
            #expect(got.sum == (0..<6).map { Float($0 * size * size) + ranks })
            #expect(got.shape == [size, 2] && got.gathered == (0..<size).flatMap { [Float($0), 7] })
        }
    }

    /// Sums of numbers that are rounded come out with the same bits everywhere.
    @Test func sumsAreTheSameEverywhere() throws {
        let results = try together(4) { group in
            var numbers = SplitMix64(seed: UInt64(group.rank))
            let values = (0..<10_000).map { _ in Float(numbers.next() % 1_000_003) / 997 - 500 }
            let own = try Tensor(values)
            try group.sum(own)
            return try own.floats()
        }
        let first = try results[0].get()
        for result in results { #expect(try result.get() == first) }
    }

    /// Several exchanges at once, each waited for when its turn comes.
    @Test(arguments: [2, 3], [ElementType.float32, .bfloat16])
    func exchangesInTheBackground(size: Int, type: ElementType) throws {
        let length = 512
        let results = try together(size) { group in
            func numbers(_ body: (Int) -> Int) throws -> Tensor {
                try Tensor((0..<(size * length)).map { Float(body($0)) }).to(type)
            }
            var exchanges: [ProcessGroup.Exchange] = []
            var (sums, parts, wholes): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
            for round in 0..<4 {
                sums.append(try numbers { ($0 + round) % 7 + group.rank })
                exchanges.append(try group.startSum(sums[round]))
                parts.append(try Tensor.zeros([length], type: type))
                exchanges.append(try group.startScatter(numbers { ($0 + round) % 5 + group.rank }, into: parts[round]))
                wholes.append(try Tensor.zeros([size * length], type: type))
                let own = try Tensor.full([length], Double(group.rank + 10 * round), type: type)
                exchanges.append(try group.startGather(own, into: wholes[round]))
            }
            for exchange in exchanges.reversed() { try exchange.wait() }
            return try (
                rank: group.rank, sums: sums.map { try $0.floats() }, parts: parts.map { try $0.floats() },
                wholes: wholes.map { try $0.floats() }
            )
        }
        let ranks = size * (size - 1) / 2
        for result in results {
            let got = try result.get()
            for round in 0..<4 {
                #expect(got.sums[round] == (0..<(size * length)).map { Float(size * (($0 + round) % 7) + ranks) })
                let own = (got.rank * length)..<((got.rank + 1) * length)
                #expect(got.parts[round] == own.map { Float(size * (($0 + round) % 5) + ranks) })
                #expect(got.wholes[round] == (0..<(size * length)).map { Float($0 / length + 10 * round) })
            }
        }
    }

    @Test func whoEndsIsNamedInTheBackground() throws {
        let results = try together(3, seconds: 5) { group in
            try group.wait()
            if group.rank == 1 { return }
            let whole = try Tensor.zeros([3 * 256])
            let exchanges = try (0..<3).map { _ in try group.startScatter(whole.clone(), into: Tensor.zeros([256])) }
            for exchange in exchanges { try exchange.wait() }
        }
        for rank in [0, 2] {
            let failure = try #require(throws: Failure.self) { try results[rank].get() }
            #expect(failure.description.contains("process 1 of 3 ended"), "\(failure)")
        }
    }

    @Test func whoEndsIsNamed() throws {
        let results = try together(3, seconds: 5) { group in
            try group.wait()
            if group.rank == 2 { return }
            try group.wait()
        }
        #expect(throws: Never.self) { try results[2].get() }
        for result in results.prefix(2) {
            let failure = try #require(throws: Failure.self) { try result.get() }
            #expect(failure.description.contains("process 2 of 3 ended"), "\(failure)")
        }
    }

    /// Who writes to a process that has ended gets an error, and not SIGPIPE, which would end it without a word.
    @Test func brokenConnectionsRaiseNoSignal() throws {
        _ = try together(2) { try $0.wait() }
        var present = sigaction()
        #expect(sigaction(SIGPIPE, nil, &present) == 0)
        #expect(unsafeBitCast(present.__sigaction_handler.sa_handler, to: Int.self) != 0)
    }

    @Test(arguments: [true, false])
    func whoIsMissingIsTold(hasStore: Bool) throws {
        let told = Mutex<[[Int]?]>([])
        let port = try LocalProcesses.freePort()
        #expect(throws: Failure.self) {
            try ProcessGroup(
                rank: 1, of: 3, host: "127.0.0.1", port: port, hostsStore: hasStore, prefix: "test", joinSeconds: 2,
                seconds: 60, noticeSeconds: 0.5
            ) { missing in
                told.withLock { $0.append(missing) }
            }
        }
        #expect(told.withLock { $0 } == [hasStore ? [0, 2] : nil])
    }

    @Test func whoIsMissingIsWaitedFor() throws {
        let port = try LocalProcesses.freePort()
        let failure = try #require(throws: Failure.self) {
            try ProcessGroup(
                rank: 1, of: 2, host: "127.0.0.1", port: port, hostsStore: false, prefix: "test", joinSeconds: 1,
                seconds: 60)
        }
        #expect(failure.description.contains("process 1 of 2 did not find the others"), "\(failure)")
    }
}
