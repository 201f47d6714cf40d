"""The addresses of the promotions below /console/."""

from django.urls import path

from promotions import views

urlpatterns = [
    path("flags/<str:key>/mark-promote", views.mark_promote, name="mark_promote"),
    path("promotions", views.queue, name="promotions_promotion_changelist"),
    path("promotions/<int:pk>", views.promotion_page, name="promotion"),
    path("promotions/<int:pk>/approve", views.approve, name="approve"),
    path("promotions/<int:pk>/promote", views.promote, name="promote"),
    path("promotions/<int:pk>/reject", views.reject, name="reject"),
]
