package org.example.bakery;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.FileWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import jdk.crac.CheckpointException;
import jdk.crac.Core;

/**
 * A small HTTP server with an ordinary flaw: it knows nothing of checkpoints, so its sockets and
 * its order book are open when one is asked for. scripts/demo runs it.
 *
 * <p>{@code Bakery ORDER_BOOK} prints the port and serves until the end of standard input; the line
 * {@code checkpoint} there asks for one.
 */
public final class Bakery {

  private final Writer orders;
  private final HttpServer shop;

  private Bakery(String orderBook) throws IOException {
    orders = new FileWriter(orderBook, StandardCharsets.UTF_8); // opens-the-order-book
    shop = openShop();
  }

  private HttpServer openShop() throws IOException {
    InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    HttpServer server = HttpServer.create(anyPort, 0); // opens-the-listening-socket
    server.createContext("/", this::sell);
    server.start();
    return server;
  }

  private void sell(HttpExchange exchange) throws IOException {
    orders.write(exchange.getRequestURI() + "\n");
    orders.flush();
    byte[] bread = "one loaf of rye\n".getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, bread.length);
    exchange.getResponseBody().write(bread);
    exchange.close();
  }

  private static void checkpoint() throws Exception {
    try {
      Core.checkpointRestore();
      System.out.println("the checkpoint was taken");
    } catch (CheckpointException e) {
      System.out.println(e.getClass().getName());
      for (Throwable reason : e.getSuppressed()) {
        System.out.println("  " + reason);
      }
    }
    System.out.println("end");
  }

  public static void main(String[] args) throws Exception {
    Bakery bakery = new Bakery(args[0]);
    System.out.println("port " + bakery.shop.getAddress().getPort());
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (line.equals("checkpoint")) {
        checkpoint();
      }
    }
    bakery.shop.stop(0);
    bakery.orders.close();
  }
}
