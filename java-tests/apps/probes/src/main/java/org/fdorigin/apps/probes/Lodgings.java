package org.fdorigin.apps.probes;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.fdorigin.apps.console.Console;

/**
 * Descriptor numbers are rooms that the kernel gives to the next guest: tenants that move out and
 * others that move in, each by a method of its own.
 */
public final class Lodgings {

  private ServerSocketChannel first;
  private final List<DatagramChannel> second = new ArrayList<>();
  private Socket sleeper;
  private Socket landlord;
  private CompletableFuture<String> sleep;

  private Lodgings() {}

  public static void main(String[] args) throws IOException {
    Lodgings lodgings = new Lodgings();
    new Console(args)
        .on("first", lodgings::moveInFirstTenant)
        .on("vacate", lodgings::vacate)
        .on("second", lodgings::moveInSecondTenant)
        .on("sleeper", lodgings::moveInSleeper)
        .on("evict", lodgings::evictSleeper)
        .serve(Map.of());
  }

  private Map<String, ?> moveInFirstTenant() throws IOException {
    first = ServerSocketChannel.open();
    first.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    return Map.of();
  }

  private Map<String, ?> vacate() throws IOException {
    first.close();
    return Map.of();
  }

  private Map<String, ?> moveInSecondTenant() throws IOException {
    second.add(DatagramChannel.open()); // MARK second-tenant
    return Map.of("tenants", second.size());
  }

  /** Answers when another thread is about to read from a connection that never brings a byte. */
  private Map<String, ?> moveInSleeper() throws IOException, InterruptedException {
    try (ServerSocket door = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      sleeper = new Socket(door.getInetAddress(), door.getLocalPort());
      landlord = door.accept();
    }
    sleep = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                sleep.complete("read " + sleeper.getInputStream().read());
              } catch (IOException e) {
                // JDK 11 may say so by an exception that is no SocketException.
                if (sleeper.isClosed()) {
                  sleep.complete("evicted");
                } else {
                  sleep.completeExceptionally(e);
                }
              }
            },
            "sleeper");
    thread.start();
    return Map.of("port", sleeper.getLocalPort());
  }

  /**
   * Closes the socket under the sleeping reader: the JDK first puts a marker in the descriptor's
   * place by dup2, wakes the reader, and the last one out closes the number.
   */
  private Map<String, ?> evictSleeper()
      throws IOException, InterruptedException, ExecutionException {
    sleeper.close();
    String end = sleep.get();
    landlord.close();
    return Map.of("end", end);
  }
}
