import Base
import Store
import Foundation
import SystemPackage
import TestKit
import Testing

/// The same over TLS.
@Suite(.enabled(if: Files.exists("/usr/bin/openssl"))) struct TLSTests {
    @Test func certificatesAreChecked() throws {
        let there = try SampleStore()
        let digest = try there.commit()
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        let (key, certificate) = (there.folder("key.pem"), there.folder("certificate.pem"))
        openssl.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key.string, "-out",
            certificate.string,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        let both = try there.folder.write(Files.readAll(key) + Files.readAll(certificate), to: "both.pem")
        let server = try TestServer(
            serving: there.store.root, rules: [TestServer.rule("GET", "blobs", "drop", ("after", 5000), ("times", 4))],
            certificate: both)
        let here = try SampleStore()
        let stranger = try here.tool(["pull", server.origin, "sample"], environment: ["CURL_CA_BUNDLE": ""])
        #expect(stranger.status == 69 && stranger.errorText.contains("certificate"), "\(stranger.errorText)")
        #expect(try here.store.references().isEmpty)
        let known = try here.tool(
            ["pull", server.origin, "sample"], environment: ["CURL_CA_BUNDLE": certificate.string])
        #expect(known.status == 0, "\(known.errorText)")
        #expect(try RemotesTests.digest(of: "sample", in: here.store.root) == digest)
        #expect(try expectClean(here.store.root))
    }
}
