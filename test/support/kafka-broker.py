"""Hosts a Kafka cluster on loopback: the mock cluster of librdkafka, an implementation of the protocol that is not ours.

Usage: kafka-broker.py BROKERS. Prints the addresses, host:port, separated by commas. Then it takes one command a line from
standard input, and answers each with a line, `ok` or the error:
  topic NAME PARTITIONS               creates a topic; others are created on first use, with 4 partitions
  leader NAME PARTITION BROKER        makes a broker (from 1) the leader of a partition; the others answer NOT_LEADER
Ends with its standard input. Each partition keeps its newest 5 MB and 100,000 batches, so the start of a longer log is
deleted, as by retention.
"""

import ctypes
import sys

PRODUCER = 0
lib = ctypes.CDLL("librdkafka.so.1")
for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
    getattr(lib, name).restype = ctypes.c_void_p
for name in ("rd_kafka_mock_cluster_bootstraps", "rd_kafka_err2str"):
    getattr(lib, name).restype = ctypes.c_char_p

reason = ctypes.create_string_buffer(512)
conf = ctypes.c_void_p(lib.rd_kafka_conf_new())
# It warns of a client without brokers, which this one is: it only hosts them.
lib.rd_kafka_conf_set(conf, b"log_level", b"3", reason, len(reason))
client = ctypes.c_void_p(lib.rd_kafka_new(PRODUCER, conf, reason, len(reason)))
if not client:
    sys.exit(reason.value.decode())
cluster = ctypes.c_void_p(lib.rd_kafka_mock_cluster_new(client, int(sys.argv[1])))
if not cluster:
    sys.exit("librdkafka opened no mock cluster")


def create_topic(name, partitions):
    return lib.rd_kafka_mock_topic_create(cluster, name.encode(), int(partitions), 1)


def set_leader(name, partition, broker):
    return lib.rd_kafka_mock_partition_set_leader(
        cluster, name.encode(), int(partition), int(broker)
    )


COMMANDS = {"topic": create_topic, "leader": set_leader}

print(lib.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
for line in sys.stdin:
    command, *words = line.split()
    error = COMMANDS[command](*words)
    print("ok" if error == 0 else lib.rd_kafka_err2str(error).decode(), flush=True)
