import Testing

@testable import WeirNFT

struct ToolTests {
    /// A program that does not end is killed, and that is said.
    @Test func aProgramThatHangs() {
        let start = ContinuousClock.now
        let error = #expect(throws: NFTError.self) { _ = try Tool.run(["/bin/sleep", "100"], input: "", limit: 1) }
        #expect(error?.description == "/bin/sleep 100 did not end within 1 s and was killed")
        #expect(ContinuousClock.now - start < .seconds(60))
    }

    @Test func whatItSays() throws {
        let result = try Tool.run(["/bin/sh", "-c", "cat; echo no >&2; exit 3"], input: "yes")
        #expect(result.status == 3 && result.output == "yes" && result.errors == "no\n")
    }
}
