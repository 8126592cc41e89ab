import Base
import Testing

import Collectives
import Processes

/// A process's place, from the variables of its launcher.
struct LaunchedProcessTests {
    func place(_ variables: [String: String]) throws -> LaunchedProcess? {
        try LaunchedProcess { variables[$0] }
    }

    @Test func torchrun() throws {
        let place = try #require(
            try place([
                "RANK": "3", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "node1", "MASTER_PORT": "4711",
                "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "2",
            ]))
        #expect(place.rank == 3 && place.size == 8 && place.localSize == 4)
        #expect(place.host == "node1" && place.port == 4711)
        #expect(place.launcherHostsStore && place.attempt == "2" && place.interface == nil)
    }

    @Test func slurm() throws {
        let variables = [
            "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
            "SLURM_STEP_NODELIST": "gpu[07-08]", "GLOO_SOCKET_IFNAME": "ib0",
        ]
        let place = try #require(try place(variables))
        #expect(place.rank == 1 && place.size == 2 && place.localSize == 1)
        #expect(place.host == "gpu07" && place.port == 29_500 && !place.launcherHostsStore && place.interface == "ib0")
        // A batch script, which no srun has started.
        #expect(try self.place(["SLURM_PROCID": "0", "SLURM_NTASKS": "2"]) == nil)
    }

    @Test(arguments: [
        ("gpu1", "gpu1"), ("gpu1,gpu2", "gpu1"), ("gpu[03-05,9],login1", "gpu03"), ("a-b-[9,11]", "a-b-9"),
        ("rack1n[01-02]x", "rack1n01x"),
    ])
    func firstHosts(nodes: String, host: String) throws {
        #expect(try LaunchedProcess.firstHost(of: nodes) == host)
    }

    @Test(arguments: ["", ",a", "gpu[", "gpu[]", "gpu[1-2", "r[1-2]n[3-4]"])
    func malformedLists(nodes: String) {
        #expect(throws: Failure.self) { try LaunchedProcess.firstHost(of: nodes) }
    }

    @Test func mpirun() throws {
        let place = try #require(
            try place([
                "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
            ]))
        #expect(place.rank == 0 && place.host == "127.0.0.1")
        let far = try #require(throws: Failure.self) {
            try self.place([
                "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
            ])
        }
        #expect(far.exitStatus == .badConfiguration && far.description.contains("MASTER_ADDR"), "\(far)")
    }

    /// Within a job of Slurm, mpirun's processes have the variables of the daemons that started them as well.
    @Test func mpirunWithinSlurm() throws {
        let variables = [
            "OMPI_COMM_WORLD_RANK": "5", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_SIZE": "4",
            "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_NODELIST": "gpu08",
            "SLURM_JOB_NODELIST": "gpu[07-08]",
        ]
        let place = try #require(try place(variables))
        #expect(place.rank == 5 && place.size == 8 && place.localSize == 4 && place.host == "gpu07")
    }

    @Test(arguments: [("4(x2)", 4), ("8", 8), ("4(x2),3", nil), ("x", nil), ("", nil)] as [(String, Int?)])
    func tasksOfNodes(counts: String, localSize: Int?) throws {
        let variables = ["SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_TASKS_PER_NODE": counts]
        #expect(try #require(try ProcessPlace { variables[$0] }).localSize == localSize)
    }

    /// The lowest of those that are there says who is missing; each where it sees nobody.
    @Test func waitingForOthers() throws {
        func process(_ rank: Int) throws -> LaunchedProcess {
            try #require(try place(["RANK": "\(rank)", "WORLD_SIZE": "12", "MASTER_ADDR": "node1"]))
        }
        let text = try #require(try process(1).waiting(for: [0, 3]))
        #expect(text == "waiting at node1:29500 for 2 of 12 processes (0, 3), for at most 300 s")
        #expect(try process(2).waiting(for: [0, 3]) == nil)
        let many = try #require(try process(0).waiting(for: Array(1...11)))
        #expect(many.contains("11 of 12 processes (1, 2, 3, 4, 5, 6, 7, 8, …)"), "\(many)")
        #expect(try process(0).waiting(for: [])?.contains("all 12 processes") == true)
        #expect(try process(5).waiting(for: nil)?.contains("process 5 of 12 waits for the first process") == true)
    }

    /// Nodes with different numbers of tasks: each process looks up its own.
    @Test(
        arguments: [
            ("4(x2),3", "0", 4), ("4(x2),3", "1", 4), ("4(x2),3", "2", 3), ("4(x2),3", "3", nil),
            ("4(x2),3", "-1", nil), ("4(x2),3", "x", nil),
            ("2,4(x2),1", "3", 1), ("4(x2", "0", nil), ("4(x0),3", "0", nil), ("4,,3", "0", nil),
            ("4(y2),3", "0", nil), ("12,3", "0", nil),
        ] as [(String, String, Int?)])
    func unequalNodes(counts: String, node: String, localSize: Int?) throws {
        let variables = [
            "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "11", "SLURM_STEP_TASKS_PER_NODE": counts,
            "SLURM_NODEID": node,
        ]
        #expect(try #require(try ProcessPlace { variables[$0] }).localSize == localSize)
    }

    /// Which of this machine's processes this is, by which each takes a GPU.
    @Test(
        arguments: [
            (["RANK": "6", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "LOCAL_RANK": "2"], 2),
            (["SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1"], 1),
            (
                [
                    "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
                    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
                ], 1
            ),
            (["PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALNRANKS": "4"], 3),
            (["RANK": "6", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"], nil),
            (["RANK": "6", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "LOCAL_RANK": "4"], nil),
        ] as [([String: String], Int?)])
    func localRanks(variables: [String: String], localRank: Int?) throws {
        let place = try #require(try ProcessPlace { variables[$0] })
        #expect(place.localRank == localRank)
        guard localRank == nil else { return #expect(try place.requireLocalRank() == localRank) }
        let failure = try #require(throws: Failure.self) { try place.requireLocalRank() }
        #expect(failure.exitStatus == .badConfiguration && failure.description.contains("LOCAL_RANK"), "\(failure)")
    }

    @Test func alone() throws {
        #expect(try place([:]) == nil)
        #expect(try place(["RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost"]) == nil)
    }

    @Test(arguments: [
        ["RANK": "1"], ["WORLD_SIZE": "2"], ["RANK": "2", "WORLD_SIZE": "2"], ["RANK": "-1", "WORLD_SIZE": "2"],
        ["RANK": "0", "WORLD_SIZE": "two"], ["RANK": "0", "WORLD_SIZE": "2"],
        ["RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "65536"],
    ])
    func nonsense(variables: [String: String]) throws {
        let failure = try #require(throws: Failure.self) { try place(variables) }
        #expect(failure.exitStatus == .badConfiguration, "\(failure)")
    }
}
