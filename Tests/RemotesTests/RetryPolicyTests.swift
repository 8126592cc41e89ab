import Base
import HTTP
import Testing

/// When a failed exchange is tried again.
@Suite struct RetryPolicyTests {
    static func failure(transient: Bool = true) -> TransferError {
        TransferError(.body, url: "https://me:secret@host/x?token=1", "it failed", isTransient: transient)
    }

    var quick: RetryPolicy {
        var policy = RetryPolicy()
        policy.attemptCount = 4
        policy.firstWaitSeconds = 0
        return policy
    }

    @Test func givesUpAfterSoManyFailures() {
        var tries = 0
        #expect(throws: TransferError.self) {
            try quick.run { _ in
                tries += 1
                throw Self.failure()
            }
        }
        #expect(tries == 4)
    }

    @Test func whatCannotPassIsNotTriedAgain() {
        var tries = 0
        #expect(throws: TransferError.self) {
            try quick.run { _ in
                tries += 1
                throw Self.failure(transient: false)
            }
        }
        #expect(tries == 1)
    }

    @Test func progressStartsTheCountAnew() throws {
        var tries = 0
        let result = try quick.run { attempt in
            tries += 1
            attempt.hasProgressed = tries % 3 == 0
            if tries < 12 { throw Self.failure() }
            return tries
        }
        #expect(result == 12)
    }

    @Test func messagesHoldNoSecrets() {
        #expect(Self.failure().description == "https://host/x: it failed")
    }
}
